import { execFileSync, spawnSync } from 'child_process';
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from '../harness';
import { helperIn, installPackage } from '../installed-package';
import { runtimePath } from '../runtimes';
import { makeScratch } from '../scratch';
import { packageRoot } from '../support';

/*
 * Programs that are one file, as docs/packaging.md tells how to make them. They are run after the package that they were
 * made with is gone.
 */

const test = suite('single file');
const scratch = makeScratch();
const documentation = readFileSync(path.join(packageRoot, 'docs/packaging.md'), 'utf8');

const bun = runtimePath('bun', 'bin/bun');
const deno = runtimePath('deno', 'deno');
const node = runtimePath('node26', 'bin/node');
const postject = runtimePath('postject', 'dist/cli.js');

const greeting = 'hello\nexit status: 0\n';

/** The code blocks after a heading of docs/packaging.md. */
function blocksOf(heading: string): string[] {
  const start = documentation.indexOf(`### ${heading}`);
  assert.is.not(start, -1);
  const [section] = documentation.slice(start + 4).split(/^### /m);
  return [...section!.matchAll(/^```\w*\n(.*?)^```$/gms)].map(([, code]) =>
    code!.replace(/\bx64\b/g, process.arch),
  );
}

/** A directory with the package in its node_modules, and a file. */
function newProject(name: string, text: string): string {
  const project = mkdtempSync(path.join(scratch, 'project-'));
  installPackage(project);
  writeFileSync(
    path.join(project, 'package.json'),
    '{ "private": true, "dependencies": { "unshare": "*" } }',
  );
  writeFileSync(path.join(project, name), text);
  return project;
}

/** Runs a program in `project`, with what it writes to standard error as an error. */
function run(project: string, program: string, args: string[], env: NodeJS.ProcessEnv = {}): void {
  execFileSync(program, args, {
    cwd: project,
    stdio: 'pipe',
    env: { ...process.env, HOME: project, ...env },
  });
}

interface Said {
  stdout: string;
  /** The files in the private directory. */
  kept: string[];
}

/** What a program says where the package is gone, and what it keeps. */
function runAlone(project: string, program: string, args: string[] = []): Said {
  renameSync(path.join(project, 'node_modules'), path.join(project, 'gone'));
  const cache = mkdtempSync(path.join(scratch, 'cache-'));
  const env = { PATH: process.env.PATH, HOME: project, XDG_CACHE_HOME: cache };
  const { stdout, stderr } = spawnSync(program, args, { cwd: '/', env, encoding: 'utf8' });
  renameSync(path.join(project, 'gone'), path.join(project, 'node_modules'));
  assert.is(stderr, '');
  return { stdout, kept: readdirSync(path.join(cache, 'unshare')) };
}

/** Asserts that it greets, by a helper that it has brought along. */
function assertGreets({ stdout, kept }: Said): void {
  assert.is(stdout, greeting);
  assert.is(kept.length, 1);
}

test('bun build --compile', () => {
  const [code, command] = blocksOf('`bun build --compile`');
  const project = newProject('main.ts', code!);
  run(project, bun, command!.trim().split(' ').slice(1));
  assertGreets(runAlone(project, path.join(project, 'program')));
});

test('bun build --compile, and the helper forgotten: the error says what to do', () => {
  const code = `
    import { Command } from 'unshare';
    new Command('/bin/true').status().catch(({ stage, code, message }) => console.log(stage, code, message));`;
  const project = newProject('main.ts', code);
  run(project, bun, ['build', '--compile', 'main.ts', '--outfile', 'program']);
  renameSync(path.join(project, 'node_modules'), path.join(project, 'gone'));
  const { stdout } = spawnSync(path.join(project, 'program'), { cwd: '/', encoding: 'utf8' });
  assert.match(stdout, /^Helper ENOENT .*`Helper.install`/);
});

test('deno run, as deno compile would have it', () => {
  const [code] = blocksOf('`deno compile`');
  const project = newProject('main.ts', code!);
  const cache = mkdtempSync(path.join(scratch, 'cache-'));
  const { stdout, stderr } = spawnSync(
    deno,
    ['run', '--allow-all', '--quiet', '--node-modules-dir=manual', 'main.ts'],
    {
      cwd: project,
      env: { PATH: process.env.PATH, HOME: project, XDG_CACHE_HOME: cache },
      encoding: 'utf8',
    },
  );
  assert.is(stdout, greeting, stderr);
  assert.is(readdirSync(path.join(cache, 'unshare')).length, 1);
});

test('deno compile puts the helper into its file', () => {
  const [code, command] = blocksOf('`deno compile`');
  const project = newProject('main.ts', code!);
  const [, ...args] = command!.trim().split(' ');
  // In the place of denort, which cannot be had. What comes out cannot be run, but has all that is in it.
  const env = { DENORT_BIN: deno, DENO_NO_UPDATE_CHECK: '1' };
  run(project, deno, [args[0]!, '--no-check', '--output', 'program', ...args.slice(1)], env);
  const program = readFileSync(path.join(project, 'program'));
  const installed = path.join(project, 'node_modules/unshare');
  assert.ok(program.includes(readFileSync(helperIn(installed))));
  // Also what the client loads when it is needed.
  for (const name of readdirSync(path.join(installed, 'dist/client')).filter(name => name.endsWith('.js'))) {
    if (name === 'cli.js') continue;
    assert.ok(program.includes(readFileSync(path.join(installed, 'dist/client', name))), name);
  }
});

/** A project whose bundle.js is the program for Node, and its configuration. */
function nodeProject(output: string): string {
  const [code, configuration] = blocksOf('Node: single executable applications');
  const project = newProject('main.js', code!);
  run(project, bun, ['build', '--target=node', '--format=cjs', 'main.js', '--outfile=bundle.js']);
  writeFileSync(path.join(project, 'sea.json'), JSON.stringify({ ...JSON.parse(configuration!), output }));
  return project;
}

test('a single executable application of Node, made by --build-sea', () => {
  const project = nodeProject('program');
  run(project, node, ['--build-sea', 'sea.json']);
  assertGreets(runAlone(project, path.join(project, 'program')));
});

test(
  'one made by postject',
  () => {
    const project = nodeProject('blob');
    const program = path.join(project, 'program');
    run(project, process.execPath, ['--experimental-sea-config', 'sea.json']);
    copyFileSync(process.execPath, program);
    const fuse = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2';
    run(project, process.execPath, [postject, program, 'NODE_SEA_BLOB', 'blob', '--sentinel-fuse', fuse]);
    assertGreets(runAlone(project, program));
  },
  { timeoutMs: 120_000 },
);

test.run();
