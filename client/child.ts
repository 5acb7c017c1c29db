import { disposeWith } from './dispose';
import type { ExitStatus } from './exit-status';
import type { PipeReader } from './pipe-reader';
import type { PipeWriter } from './pipe-writer';
import type { Run } from './run';
import { type Signal, signalNumber } from './signals';

/** A program that was started (`unshare::Child` of the crate). */
export class Child implements AsyncDisposable {
  /** Process id, as the helper's pid namespace numbers it. */
  readonly pid: number;
  /** What the program reads as its standard input, or null where that was not piped. */
  readonly stdin: PipeWriter | null;
  /** What the program writes to its standard output, or null where that was not piped. */
  readonly stdout: PipeReader | null;
  /** What the program writes to its standard error, or null where that was not piped. */
  readonly stderr: PipeReader | null;
  private readonly run: Run;
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /** @internal `pipes` has the client's ends by their number in the program. */
  constructor(run: Run, pid: number, pipes: ReadonlyMap<number, PipeReader | PipeWriter>) {
    this.run = run;
    this.pid = pid;
    this.stdin = (pipes.get(0) as PipeWriter | undefined) ?? null;
    this.stdout = (pipes.get(1) as PipeReader | undefined) ?? null;
    this.stderr = (pipes.get(2) as PipeReader | undefined) ?? null;
  }

  /** The process id, `pid`. */
  id(): number {
    return this.pid;
  }

  /**
   * Resolves with how the program ended; the same answer each time. Its pipes may still have something to
   * read then. Rejects at the stage `Helper` where the helper died first.
   */
  wait(): Promise<ExitStatus> {
    return this.run.wait();
  }

  /** How the program ended, or null while it lives. Throws where `wait` rejects. */
  tryWait(): ExitStatus | null {
    return this.run.tryWait();
  }

  /**
   * Sends a signal to the program (`man 2 kill`), never to another process: after its end it rejects with the
   * code `ESRCH` and nothing is sent. Rejects at the stage `Helper` where the helper died first.
   */
  async signal(signal: Signal | number): Promise<void> {
    return this.run.signal(signalNumber(signal));
  }

  /** Sends SIGKILL. */
  kill(): Promise<void> {
    return this.signal('SIGKILL');
  }

  /** Keeps the event loop alive while the program lives, which is so unless `unref` was called. */
  ref(): this {
    this.run.ref();
    return this;
  }

  /** Lets the event loop end while the program lives. Pipes that are in use keep it alive nevertheless. */
  unref(): this {
    this.run.unref();
    return this;
  }
}

disposeWith(Child, killAndWait);

/** Ends the program where it lives, and closes its pipes. */
async function killAndWait(child: Child): Promise<void> {
  for (const pipe of [child.stdin, child.stdout, child.stderr]) pipe?.destroy();
  // The program may have ended by itself meanwhile. Whatever else went wrong, wait() tells.
  if (child.tryWait() === null) await child.kill().catch(() => {});
  await child.wait();
}
