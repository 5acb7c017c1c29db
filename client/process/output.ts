import { feed } from '../command/input';
import type { CallWatch } from './call-watch';
import type { Child } from './child';
import type { ExitStatus } from './exit-status';
import { type Collected, isLimitError, outputTooLarge } from './limit-errors';
import { OutputCollector } from './output-collector';
import { unlessAborted } from './unless-aborted';
import type { Watch } from './watch';

/** What a program has written, and how it ended (`std::process::Output`). */
export interface Output {
  /** How it ended. */
  status: ExitStatus;
  /** Empty where standard output was not piped. */
  stdout: Buffer;
  /** Empty where standard error was not piped. */
  stderr: Buffer;
}

/** Waits for the end of `child`. Its pipes, which nobody is given, are closed then. */
export async function awaitStatus(child: Child, watch: Watch | null): Promise<ExitStatus> {
  child.neglectPipes();
  try {
    return await unlessAborted(watch, child, child.wait());
  } finally {
    child.closePipes();
  }
}

/** What `collectOutput` does besides. */
export interface OutputTask {
  /** What the program reads. */
  readonly input: Uint8Array | NodeJS.ReadableStream | null;
  /** Bytes that it may write to each pipe. */
  readonly maxBuffer: number;
}

/** Reads all that `child` writes, and waits for its end. Where that fails, nothing is left behind. */
export async function collectOutput(child: Child, watch: CallWatch, task: OutputTask): Promise<Output> {
  const collect = (number: 1 | 2, stream: 'stdout' | 'stderr') =>
    new OutputCollector(child.takePipeReader(number), task.maxBuffer, () =>
      watch.end(outputTooLarge(stream, collected())),
    );
  const stdout = collect(1, 'stdout');
  const stderr = collect(2, 'stderr');
  const collected = (): Collected => ({ stdout: stdout.bytes(), stderr: stderr.bytes() });
  const stdin = task.input === null ? null : child.takePipeWriter(0);
  let endInput = () => {};
  child.neglectPipes();
  try {
    if (stdin !== null) endInput = feed(stdin, task.input!, error => watch.end(error));
    const all = Promise.all([child.wait(), stdout.ended, stderr.ended]);
    const [status] = await unlessAborted(watch, child, all);
    return { status, ...collected() };
  } catch (error) {
    // What it failed with is told; that it may have ended meanwhile is no news.
    child.kill().catch(() => {});
    if (!isLimitError(error)) throw error;
    // The news of its death may overtake what it wrote before.
    await Promise.all([stdout.drained(), stderr.drained()]);
    throw Object.assign(error, collected());
  } finally {
    for (const collector of [stdout, stderr]) collector.close();
    endInput();
    child.closePipes();
  }
}
