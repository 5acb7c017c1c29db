import type { ExitStatus } from './exit-status';

/** The part of a run that `Child` offers to the user. */
export interface RunHandle {
  /** Whether what ends the program ends its process group. */
  readonly killsGroup: boolean;
  /** Resolves with how the program ended; the same answer each time. */
  wait(): Promise<ExitStatus>;
  /** How the program ended, or null while it lives. Throws if the helper died first. */
  tryWait(): ExitStatus | null;
  /** Sends the signal of this number, to the whole process group if `group`, which the program must lead. */
  signal(number: number, group?: boolean): Promise<void>;
  /** Ends the program with the kill signal of the call. `wait` rejects with `error` then. */
  spoil(error: Error): void;
  /** Calls back when the program has ended. */
  atEnd(callback: () => void): void;
  /** Keeps the event loop alive until the function that it returns is called. */
  hold(): () => void;
  /** Keeps the event loop alive while the program lives. */
  ref(): void;
  /** Undoes `ref`. */
  unref(): void;
}
