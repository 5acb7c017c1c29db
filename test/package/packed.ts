import { execFileSync, spawnSync } from 'child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'fs';
import * as path from 'path';
import { packageRoot } from '../support';

/** The environment variable with the directory that has what `npm pack` has made; test/package/run.ts sets it. */
export const PACKED_VARIABLE = 'UNSHARE_TEST_PACKED';

/** What was packed in one directory, and in another. */
export type Build = 'first' | 'second';

/** Where a build was made. */
export function checkoutOf(build: Build): string {
  return path.join(place(), build, 'checkout');
}

export function tarballOf(build: Build): string {
  const [tarball] = JSON.parse(readFileSync(path.join(place(), build, 'pack.json'), 'utf8'));
  return path.join(place(), build, tarball.filename);
}

/** What npm says of the tarball. */
export interface Listing {
  unpackedSize: number;
  files: { path: string; size: number; mode: number }[];
}

/** What `npm pack --dry-run --json` says in the directory of the first build. */
export function listing(): Listing {
  const stdout = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: checkoutOf('first'),
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return JSON.parse(stdout)[0];
}

/** A directory like that of a user's project, with the package and what it depends on unpacked into it. */
export function makeProject(directory: string, manifest: object = {}): string {
  const modules = path.join(directory, 'node_modules');
  mkdirSync(path.join(modules, 'unshare'), { recursive: true });
  execFileSync('tar', [
    '-xzf',
    tarballOf('first'),
    '-C',
    path.join(modules, 'unshare'),
    '--strip-components=1',
  ]);
  for (const name of ['protobufjs', 'long']) {
    symlinkSync(path.join(packageRoot, 'node_modules', name), path.join(modules, name));
  }
  writeFileSync(path.join(directory, 'package.json'), JSON.stringify({ private: true, ...manifest }));
  return directory;
}

/** The environment without what npm tells its scripts, which other package managers and other calls of npm read too. */
export function cleanEnvironment(changes: NodeJS.ProcessEnv = {}): NodeJS.ProcessEnv {
  const kept = Object.entries(process.env).filter(([name]) => !/^(npm|yarn|pnpm|bun)_/i.test(name));
  return { ...Object.fromEntries(kept), ...changes };
}

/** Against programs that never end. Two builds of the package share the CPUs with other tests, so this is far above what one takes. */
const outputTimeoutMs = 300_000;

/** What a program writes to standard output. Throws, with all that it has written, where it fails. */
export function outputOf(
  program: string,
  args: readonly string[],
  cwd: string,
  env = cleanEnvironment(),
): string {
  const { status, signal, error, stdout, stderr } = spawnSync(program, args, {
    cwd,
    env,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: outputTimeoutMs,
    killSignal: 'SIGKILL',
  });
  if (status === 0) return stdout;
  throw new Error(`${[program, ...args].join(' ')}: ${error ?? signal ?? status}\n${stdout}${stderr}`);
}

function place(): string {
  const directory = process.env[PACKED_VARIABLE];
  if (!directory) throw new Error('npm run test:package runs these tests');
  return directory;
}
