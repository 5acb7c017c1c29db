import { spawnSync } from 'child_process';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command } from 'unshare';
import { makeScratch } from './scratch';
import { packageRoot, runtimePath } from './support';

/** What came of a program: all that it printed, and how it ended where that was not well. */
export interface Ran {
  stdout: string;
  stderr: string;
  status: string;
}

type Runner = (code: string) => Promise<Ran>;

/** How blocks of a language are run. */
export const RUNNERS: Record<string, Runner> = {
  js: runJavaScript,
  ts: async code => runJavaScript(await compile(code)),
  sh: code => run('/bin/sh', ['-e', '-c', code]),
  python: code => run(find('python3')!, ['-c', code]),
  json: async code => {
    JSON.parse(code);
    return { stdout: '', stderr: '', status: 'exit status: 0' };
  },
};

/** Why blocks of a language cannot be run here; false where they can. */
export const MISSING: Record<string, string | false> = {
  ts:
    !existsSync(path.join(packageRoot, 'node_modules/typescript')) && 'the TypeScript compiler is not there',
  sh: spawnSync('npx', ['--version']).status !== 0 && 'npx is not there',
  python: find('python3') === null && 'python3 is not installed',
};

/** The path of a program of this name, or null. */
export function find(name: string): string | null {
  const directories = (process.env.PATH ?? '').split(':');
  return directories.map(directory => path.join(directory, name)).find(existsSync) ?? null;
}

/** Where modules import CommonJS by its names, and wait outside of functions. */
const [major, minor] = process.versions.node.split('.').map(Number) as [number, number];
const knowsModules = major > 14 || (major === 14 && minor >= 13);

let place: string | null = null;
let count = 0;

/** A directory in which the package is installed. */
function project(): string {
  if (place !== null) return place;
  place = makeScratch();
  const modules = path.join(place, 'node_modules');
  mkdirSync(path.join(modules, '.bin'), { recursive: true });
  // Without it, Deno looks for packages elsewhere.
  writeFileSync(path.join(place, 'package.json'), '{ "dependencies": { "unshare": "*" } }');
  symlinkSync(packageRoot, path.join(modules, 'unshare'));
  for (const name of ['unshare', 'unshare-js']) {
    symlinkSync('../unshare/dist/client/cli.js', path.join(modules, '.bin', name));
  }
  const types = path.join(packageRoot, 'node_modules/@types');
  if (existsSync(types)) symlinkSync(types, path.join(modules, '@types'));
  return place;
}

/** `npx` takes what is installed here, and asks no registry. */
async function run(program: string, args: string[]): Promise<Ran> {
  const directory = project();
  const { status, stdout, stderr } = await new Command(program)
    .args(args)
    .currentDir(directory)
    .envs({ HOME: directory, npm_config_offline: 'true', npm_config_update_notifier: 'false' })
    .output({ timeout: 30_000 });
  return { stdout: stdout.toString(), stderr: stderr.toString(), status: `${status}` };
}

function newFile(code: string, extension: string): string {
  count += 1;
  const file = path.join(project(), `block-${count}${extension}`);
  writeFileSync(file, code);
  return file;
}

function runJavaScript(code: string): Promise<Ran> {
  const isModule = /^import /m.test(code);
  if (isModule && knowsModules) return run(runtimePath, [newFile(code, '.mjs')]);
  return run(runtimePath, [newFile(isModule ? asCommonJs(code) : code, '.js')]);
}

/** The same program for a runtime that knows no modules. */
function asCommonJs(code: string): string {
  const body = code.replace(/^import ([^;]*?) from ('[^']+');/gm, 'const $1 = require($2);');
  return `(async () => {\n${body}\n})();\n`;
}

/** Checks the types, and returns the JavaScript. Throws with what the compiler says. */
export async function compile(code: string): Promise<string> {
  const source = newFile(code, '.mts');
  const output = source.replace(/\.mts$/, '.mjs');
  const options = [
    '--strict',
    '--module',
    'node16',
    '--target',
    'es2019',
    '--types',
    'node',
    '--skipLibCheck',
  ];
  const compiler = path.join(packageRoot, 'node_modules/.bin/tsc');
  const { stdout, status } = await run(compiler, [...options, '--lib', 'es2021,esnext.disposable', source]);
  if (!/^exit status: 0$/.test(status)) throw new Error(stdout);
  return readFileSync(output, 'utf8');
}
