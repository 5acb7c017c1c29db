import { readFileSync, readlinkSync } from 'fs';
import { clearInterval, setInterval } from 'timers';
import { attempt } from '../attempt';
import { UnshareError } from '../error/error';
import { quote } from '../escape';

/**
 * How often the helper is looked at while it owes an answer, in milliseconds. Each look is in a turn of the event loop of its
 * own, so answers that arrived while this process stood still are read before the next look.
 */
const LOOK_MS = 500;

/** So many looks in a row have to find it stopped. */
const LOOKS = 2;

/** A program that is to end, and the signal for that. */
export interface Doomed {
  readonly pid: number;
  readonly signal: number;
}

const stoppedErrors = new WeakSet<object>();

/** Whether this error says that the helper was stopped. It says more than the abort or timeout that brought it to light. */
export function isStoppedError(error: unknown): boolean {
  return typeof error === 'object' && error !== null && stoppedErrors.has(error);
}

export function stoppedError(path: string, pid: number): UnshareError {
  const error = new UnshareError({
    stage: 'Helper',
    path,
    doing: `the helper ${quote(path)} was stopped`,
    reason: `process ${pid} did not answer for a second, and was killed`,
    hint: 'a program of the same user can stop it (SIGSTOP, ptrace), unless the program is in its own pid namespace',
  });
  stoppedErrors.add(error);
  return error;
}

/**
 * Tells a stopped helper from a slow one while it owes an answer to an abort, a timeout or a signal: by its state in /proc. If
 * /proc cannot be read, or is that of another pid namespace, every helper counts as slow.
 */
export class StopWatch {
  private readonly helper: () => number | null;
  private readonly stopped: () => void;
  private readonly owed = new Map<object, Doomed | null>();
  private timer: NodeJS.Timeout | null = null;
  private looks = 0;

  /** `helper` is the pid of the helper, as this process's pid namespace has it. Calls `stopped` once at most. */
  constructor(helper: () => number | null, stopped: () => void) {
    this.helper = helper;
    this.stopped = stopped;
  }

  /** The helper owes an answer, until `settle` is called for the same key. */
  expect(key: object, doomed: Doomed | null): void {
    this.owed.set(key, doomed);
    if (this.timer !== null) return;
    this.looks = 0;
    this.timer = setInterval(() => this.look(), LOOK_MS);
    // Whoever waits for the answer keeps the event loop alive.
    this.timer.unref();
  }

  settle(key: object): void {
    if (this.owed.delete(key) && this.owed.size === 0) this.end();
  }

  /** The helper has sent something: it runs. */
  heard(): void {
    this.looks = 0;
  }

  /** The helper has ended. */
  end(): void {
    this.owed.clear();
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }

  private look(): void {
    const pid = this.helper();
    const state = pid === null ? undefined : statusOf(pid)?.state;
    this.looks = state === 'T' || state === 't' ? this.looks + 1 : 0;
    if (this.looks < LOOKS) return;
    this.endDoomed(pid!);
    this.end();
    this.stopped();
  }

  /**
   * Programs without a parent death signal would outlive the helper. It cannot reap them while it is stopped, so their pids are
   * theirs; that they are its children shows that these are numbers of this pid namespace.
   */
  private endDoomed(helper: number): void {
    for (const doomed of this.owed.values()) {
      if (doomed === null || statusOf(doomed.pid)?.parent !== helper) continue;
      attempt(() => process.kill(doomed.pid, doomed.signal));
    }
  }
}

/** The state of a process, and its parent's pid; null if that is not known. */
function statusOf(pid: number): { state: string; parent: number } | null {
  try {
    if (readlinkSync('/proc/self') !== `${process.pid}`) return null;
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
    // The name in parentheses may have spaces and parentheses itself.
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return { state: state!, parent: Number(parent) };
  } catch {
    return null;
  }
}
