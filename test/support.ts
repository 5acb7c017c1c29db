import { spawn } from 'child_process';
import { copyFileSync, existsSync, readdirSync, readFileSync, readlinkSync } from 'fs';
import * as path from 'path';
import { Command, Helper } from 'unshare';
import { drivesPipes, runtime } from '../client/runtime';
import { RUNTIME_VARIABLE } from './record';
import { makeScratch } from './scratch';

/** The package, as a path for `require`. */
export const packageRoot = path.join(__dirname, '../..');

/** Runs JavaScript, given a file or `-e` and code, as Node does: what runs this, or what stands for it on the command line. */
export const runtimePath = process.env[RUNTIME_VARIABLE] ?? process.execPath;

/** Why a test of the descriptor of a pipe is skipped, where it is. */
export const withoutDescriptors =
  !drivesPipes() && 'the runtime makes the pipes itself, and has no descriptor of one';

/** Why a test of a listening socket that is handed over is skipped, where it is. */
export const withoutListeners =
  runtime === 'deno' && 'Deno tells no descriptor of a socket, and listens on none';

/** Path of a program that `build.zig` makes from test/fixtures. */
export function fixture(name: string): string {
  return path.join(packageRoot, 'dist/test/fixtures', name);
}

let reachableDirectory: string | null = null;

/** Path of a copy of such a program that every user can reach: the checkout may be in a directory that only its owner enters. */
export function reachableFixture(name: string): string {
  reachableDirectory ??= makeScratch();
  const copy = path.join(reachableDirectory, name);
  if (!existsSync(copy)) copyFileSync(fixture(name), copy);
  return copy;
}

/** A shell that runs `script`. */
export function shell(script: string): Command {
  return new Command('/bin/sh').args(['-c', script]);
}

/** Rows that map the caller's own ids to 0. */
export function rootMaps() {
  return [
    [{ insideUid: 0, outsideUid: process.geteuid!(), count: 1 }],
    [{ insideGid: 0, outsideGid: process.getegid!(), count: 1 }],
  ] as const;
}

/** What the kernel gave a process; see test/fixtures/state.zig. */
export interface State {
  arguments: string[];
  environment: string[];
  directory: string | null;
  umask: number;
  pid: number;
  parent: number;
  group: number;
  session: number;
  uids: number[];
  gids: number[];
  groups: number[];
  blocked_signals: number[];
  ignored_signals: number[];
  parent_death_signal: number;
  dumpable: number;
  capabilities: {
    effective: number;
    permitted: number;
    inheritable: number;
    bounding: number;
    ambient: number;
  };
  limits: { name: string; soft: number | null; hard: number | null }[];
  descriptors: { number: number; flags: number }[];
}

/** What a program finds that `prepare` has had its way with. */
export async function stateOf(
  prepare: (command: Command) => void = () => {},
  helper: Helper = Helper.shared(),
): Promise<State> {
  const command = new Command(reachableFixture('state'));
  prepare(command);
  const { status, stdout, stderr } = await command.output({ helper });
  if (!status.success) throw new Error(`${status}: ${stderr}`);
  return JSON.parse(stdout.toString());
}

export interface ScriptResult {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  durationMs: number;
}

/** Runs JavaScript in a runtime of its own, where `unshare` is the package. */
export function runScript(code: string, env: NodeJS.ProcessEnv = process.env): Promise<ScriptResult> {
  return new Promise((resolve, reject) => {
    const start = Date.now();
    const child = startScript(code, env);
    const result = { stdout: '', stderr: '' };
    child.stdout.on('data', chunk => {
      result.stdout += chunk;
    });
    child.stderr.on('data', chunk => {
      result.stderr += chunk;
    });
    child.on('error', reject);
    child.on('close', (exitCode, signal) =>
      resolve({ ...result, code: exitCode, signal, durationMs: Date.now() - start }),
    );
  });
}

/** JavaScript for a function that collects what garbage there is, in each runtime. */
export const collectGarbage = `(() => {
  if (process.versions.bun) return () => Bun.gc(true);
  require('v8').setFlagsFromString('--expose-gc');
  return globalThis.gc || require('vm').runInNewContext('gc');
})()`;

/** Starts JavaScript as `runScript` does, and leaves the rest to the caller. */
export function startScript(code: string, env: NodeJS.ProcessEnv = process.env) {
  const prelude = `const unshare = require(${JSON.stringify(packageRoot)});`;
  return spawn(runtimePath, ['-e', `${prelude}\n${code}`], { stdio: ['ignore', 'pipe', 'pipe'], env });
}

/** Whether a process of this id exists and is no zombie, which is its new parent's to reap. */
export function exists(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2)[0] !== 'Z';
  } catch {
    return false;
  }
}

/** Waits until `condition` holds, and fails after `timeoutMs` where it does not. */
export async function until(what: string, condition: () => boolean, timeoutMs = 5000): Promise<void> {
  const end = Date.now() + timeoutMs;
  while (!condition()) {
    if (Date.now() > end) return lastChance(what, condition, timeoutMs);
    await sleep(5);
  }
}

/** All the time may have gone by at once, where the machine stood still. */
async function lastChance(what: string, condition: () => boolean, timeoutMs: number): Promise<void> {
  await sleep(100);
  if (!condition()) throw new Error(`not within ${timeoutMs} ms: ${what}`);
}

export function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms));
}

/** What each open descriptor of a process leads to, by its number. */
export function descriptorsOf(pid: number): Map<number, string> {
  const found = new Map<number, string>();
  for (const name of readdirSync(`/proc/${pid}/fd`)) {
    try {
      found.set(Number(name), readlinkSync(`/proc/${pid}/fd/${name}`));
    } catch {
      // Closed since; where the process is this one, by readdirSync itself.
    }
  }
  return found;
}

/** What a helper has open besides the standard streams, as `descriptorsOf` has it. */
export function openInHelper(pid: number): string[] {
  return [...descriptorsOf(pid)].filter(([number]) => number > 2).map(([, link]) => link.replace(/\d+/, 'N'));
}

/** `openInHelper`, sorted, of one that has nothing to do: control socket, epoll, signalfd, and itself. */
export const HELPER_AT_REST = [
  '/proc/N/oom_score_adj',
  'anon_inode:[eventpoll]',
  'anon_inode:[pidfd]',
  'anon_inode:[signalfd]',
  'socket:[N]',
];

/** Ids of the processes whose parent is `pid`, zombies included. */
export function childrenOf(pid: number): number[] {
  const children = [];
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
      // The name in parentheses may have spaces and parentheses itself.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      if (Number(fields[1]) === pid) children.push(Number(name));
    } catch {
      // Ended since.
    }
  }
  return children;
}

/** Memory that is resident and not shared with the file it came from, in KiB. */
export function residentKib(pid: number): number {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)![1]);
}

/** The error that `promise` rejects with. */
export async function rejection(promise: Promise<unknown>): Promise<import('unshare').UnshareError> {
  try {
    await promise;
  } catch (error) {
    return error as import('unshare').UnshareError;
  }
  throw new Error('it did not reject');
}
