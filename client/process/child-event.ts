import type { Signal } from '../signals';
import type { Child } from './child';
import type { ExitStatus } from './exit-status';

/** What has happened to a process (`unshare::ChildEvent` of the crate). */
export type ChildEvent = ChildDeath | ChildStop | ChildContinue;

interface OfProcess {
  /** Process id, as the helper's pid namespace numbers it. After a death, it may be another's within seconds. */
  readonly pid: number;
  /** The handle; null for an orphan that the helper has adopted (`HelperOptions.subreaper`). */
  readonly child: Child | null;
}

/** It has ended, and was reaped. */
export interface ChildDeath extends OfProcess {
  /** Tells the events apart. */
  readonly type: 'death';
  /** How it ended. */
  readonly status: ExitStatus;
}

/** A signal has stopped it, as SIGSTOP does (`WUNTRACED` in `man 2 waitpid`). */
export interface ChildStop extends OfProcess {
  /** Tells the events apart. */
  readonly type: 'stop';
  /** The signal that has stopped it. */
  readonly signal: Signal;
}

/** SIGCONT lets it go on (`WCONTINUED` in `man 2 waitpid`). */
export interface ChildContinue extends OfProcess {
  /** Tells the events apart. */
  readonly type: 'continue';
}
