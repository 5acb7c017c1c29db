import type { ExitStatus } from './exit-status';

/** The part of a run that `Child` offers to the user. */
export interface RunHandle {
  /** Resolves with how the program ended; the same answer each time. */
  wait(): Promise<ExitStatus>;
  /** How the program ended, or null while it lives. Throws if the helper died first. */
  tryWait(): ExitStatus | null;
  /** Sends the signal of this number. */
  signal(number: number): Promise<void>;
  /** Keeps the event loop alive while the program lives. */
  ref(): void;
  /** Undoes `ref`. */
  unref(): void;
}
