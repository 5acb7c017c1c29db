import * as path from 'path';
import { Command, type Helper, UnshareError } from 'unshare';
import { makeScratch } from '../scratch';
import { childrenOf, exists, HELPER_AT_REST, openInHelper, rootMaps, shell, sleep, until } from '../support';
import { tracedHelper } from '../wrapped-helper';
import { countCalls } from './calls';
import { makeWorld, type Subject, subjects } from './commands';

/*
 * Makes each system call, on the way of each of a few commands, fail at each of its positions, and prints what
 * came of it. Fails where a promise does not settle, an error has no fitting stage, something is left behind, or
 * the helper dies of what is only one command's.
 *
 * Run by root: for an ordinary user strace takes the privileges from newuidmap.
 */

const inPreparedNamespace = 'UNSHARE_SWEEP_ROOT';
const settleMs = 10_000;
const errors = ['EIO', 'ENOMEM'];

/** The kernel does not let these fail, asked what they are asked here; a helper that counts on them is right. */
const neverFail = new Set(
  'close exit exit_group getegid geteuid getpid getppid rt_sigprocmask rt_sigreturn umask wait4 waitid'.split(
    ' ',
  ),
);

/** Where one of these fails, there is no connection or no loop any more, and the helper has to end. */
const lifelines = new Set(['recvfrom', 'sendto', 'epoll_pwait']);

const scratch = makeScratch();

/** What came of the command: how it ended, or the stage and the error of its failure. */
async function outcomeOf(command: Command, helper: Helper): Promise<string> {
  try {
    const child = await command.stderr('null').spawn({ helper });
    for (const stream of [child.stdin, child.stdout, child.stderr]) stream?.destroy();
    const status = await child.wait();
    return status.success ? 'runs' : String(status);
  } catch (error) {
    if (!(error instanceof UnshareError)) throw error;
    return [error.stage, error.code, error.syscall].filter(Boolean).join(' ');
  }
}

async function settled<T>(what: string, promise: Promise<T>): Promise<T> {
  const late = sleep(settleMs).then(() => {
    throw new Error(`${what}: not settled after ${settleMs / 1000} s`);
  });
  late.catch(() => {});
  return Promise.race([promise, late]);
}

interface Fault {
  call: string;
  error: string;
  /** Which one of a process's calls. */
  when: number;
  /** It is one that the helper makes before it serves anybody. */
  atStart: boolean;
}

/** What came of the fault; throws where that must not be. */
async function suffer(subject: Subject, { call, error, when, atStart }: Fault): Promise<string> {
  const inject = `inject=${call}:error=${error}:when=${when}`;
  const helper = tracedHelper(['-e', `trace=${call}`, '-e', inject]);
  try {
    const outcome = await settled('the command', outcomeOf(subject.prepare(), helper));
    // Whose own call at that position fails as well, if it makes that many.
    await settled('the next command', outcomeOf(new Command('/bin/true'), helper));
    // Who cannot be told to go on, or cannot tell what has failed, is not known to have failed at anything.
    if (/^(Protocol|UnknownError)/.test(outcome) && call !== 'write' && call !== 'read')
      throw new Error(outcome);
    const pid = helper.pid;
    if (pid !== null && exists(pid)) await nothingIsLeft(pid);
    else if (!atStart && !lifelines.has(call)) throw new Error(`the helper died; ${outcome}`);
    return outcome;
  } finally {
    await settled('the end of the helper', helper.close());
  }
}

async function nothingIsLeft(helper: number): Promise<void> {
  await until('no process is left', () => childrenOf(helper).length === 0);
  if (!exists(helper)) return;
  const open = openInHelper(helper);
  if (open.length !== HELPER_AT_REST.length) throw new Error(`the helper has kept ${open.join(' ')}`);
}

/** The calls of a helper that `use` has its way with. */
async function callsOf(use: (helper: Helper) => unknown): Promise<Map<string, number>> {
  const log = path.join(scratch, 'log');
  const helper = tracedHelper([], log);
  await use(helper);
  await helper.close();
  return countCalls(log);
}

/** Sweeps with a process in namespaces of its own, for others to join. */
async function withTarget(root: string): Promise<void> {
  const target = await shell('exec sleep 10000')
    .unshare('user', 'pid', 'mount', 'net', 'uts', 'ipc', 'cgroup')
    .setIdMaps(...rootMaps())
    .spawn();
  try {
    await sweep(subjects(root, target.pid));
  } finally {
    await target.kill();
    await target.wait();
  }
}

async function sweep(all: Subject[]): Promise<void> {
  const only = new RegExp(process.argv[2] ?? '');
  const start = await callsOf(helper => outcomeOf(new Command('/nowhere'), helper));
  let tried = 0;
  let failed = 0;
  for (const subject of all.filter(({ name }) => only.test(name))) {
    const calls = await callsOf(async helper => {
      const outcome = await outcomeOf(subject.prepare(), helper);
      if (outcome !== 'runs') throw new Error(`${subject.name}, undisturbed: ${outcome}`);
    });
    for (const [call, most] of [...calls].sort()) {
      if (neverFail.has(call)) continue;
      const outcomes = new Map<string, number>();
      for (const error of errors) {
        for (let when = 1; when <= most; when += 1) {
          const atStart = when <= (start.get(call) ?? 0);
          const outcome = await suffer(subject, { call, error, when, atStart }).catch((reason: Error) => {
            failed += 1;
            return `FAILED with ${error} at ${when}: ${reason.message}`;
          });
          tried += 1;
          outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
        }
      }
      const list = [...outcomes].map(([outcome, times]) => (times > 1 ? `${outcome} ×${times}` : outcome));
      console.log(`${subject.name} | ${call} | ${list.join(', ')}`);
    }
  }
  console.log(`${tried} faults, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}

/** Runs this again in a mount namespace of its own, in which the new root is a mount point. */
async function prepare(): Promise<void> {
  const root = path.join(scratch, 'world');
  makeWorld(root);
  const status = await shell('mount --rbind "$0" "$0" && exec "$@"')
    .args([root, process.execPath, ...process.argv.slice(1)])
    .unshare('mount')
    .env(inPreparedNamespace, root)
    .status();
  process.exitCode = status.code ?? 1;
}

const root = process.env[inPreparedNamespace];
(root ? withTarget(root) : prepare()).catch(error => {
  console.error(error);
  process.exitCode = 2;
});
