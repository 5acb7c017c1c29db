import { clearTimeout, setTimeout } from 'timers';
import { checkCalls, type Signatures } from '../check/check-calls';
import { feed } from '../command/input';
import { linesOf } from '../pipe/line-splitter';
import { StreamWriter } from '../pipe/stream-writer';
import type { CallWatch } from './call-watch';
import type { Child } from './child';
import type { ExitStatus } from './exit-status';
import { type Collected, isLimitError, outputTooLarge } from './limit-errors';
import { StreamCollector } from './stream-collector';
import { unlessAborted } from './unless-aborted';
import type { Watch } from './watch';

/** What a program has written, and how it ended (`std::process::Output`). Strings if an `encoding` was named. */
export class Output<Data extends Buffer | string = Buffer> {
  /** How it ended. */
  readonly status: ExitStatus;
  /** Empty if standard output was not piped. */
  readonly stdout: Data;
  /** Empty if standard error was not piped. */
  readonly stderr: Data;
  /** How long it took from the call to the end of the program and of its pipes, in milliseconds. */
  readonly durationMs: number;

  /** @internal */
  constructor(status: ExitStatus, stdout: Data, stderr: Data, durationMs: number) {
    this.status = status;
    this.stdout = stdout;
    this.stderr = stderr;
    this.durationMs = durationMs;
  }

  /** Standard output as text: UTF-8, unless an `encoding` was named. */
  text(): string {
    return this.stdout.toString();
  }

  /** The lines of `text()` without their ends, which are those of `PipeReader.lines`. */
  lines(): string[] {
    return linesOf(this.text());
  }

  /** Standard output, which is JSON. Throws a SyntaxError if it is not; the type is the caller's claim. */
  json<T = unknown>(): T {
    return JSON.parse(this.text()) as T;
  }
}

const SIGNATURES: Signatures<Output> = { text: 0, lines: 0, json: 0 };
checkCalls(Output.prototype, 'Output', SIGNATURES);

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
  /** How long after the program's end the pipes are let go, in milliseconds; null for never. */
  readonly drainTimeout: number | null;
}

/** Reads all that `child` writes, and waits for its end. Where that fails, nothing is left behind. */
export async function collectOutput(
  child: Child,
  watch: CallWatch,
  task: OutputTask,
): Promise<Collected & { status: ExitStatus }> {
  const collect = (number: 1 | 2, stream: 'stdout' | 'stderr') =>
    new StreamCollector(child.outputStream(number), task.maxBuffer, () =>
      watch.end(outputTooLarge(stream, collected())),
    );
  const stdout = collect(1, 'stdout');
  const stderr = collect(2, 'stderr');
  const collected = (): Collected => ({ stdout: stdout.bytes(), stderr: stderr.bytes() });
  const stdin = task.input === null ? null : child.inputStream(0);
  const release = child.hold();
  let endInput = () => {};
  try {
    // Not before both are there: what has come already may be too much.
    stdout.start();
    stderr.start();
    if (stdin !== null) {
      const writer = new StreamWriter(stdin, () => child.hold());
      endInput = feed(writer, task.input!, error => watch.end(error));
    }
    child.neglectPipes();
    const all = untilDrained(child, [stdout, stderr], task.drainTimeout);
    const status = await unlessAborted(watch, child, all);
    return { status, ...collected() };
  } catch (error) {
    // What it failed with is told; that it may have ended meanwhile is no news.
    child.kill().catch(() => {});
    if (!isLimitError(error)) throw error;
    // The news of its death may overtake what it wrote before.
    await Promise.all([stdout.drained(), stderr.drained()]);
    throw Object.assign(error, collected());
  } finally {
    release();
    for (const collector of [stdout, stderr]) collector.close();
    endInput();
    child.closePipes();
  }
}

/** Waits for the program, and for the ends of its pipes, but for these not longer than `timeout`. */
async function untilDrained(
  child: Child,
  pipes: readonly StreamCollector[],
  timeout: number | null,
): Promise<ExitStatus> {
  const ended = Promise.all(pipes.map(pipe => pipe.ended));
  if (timeout === null) return (await Promise.all([child.wait(), ended]))[0];
  // Reading may fail before the program ends.
  const [status] = await Promise.all([child.wait(), Promise.race([ended, child.wait()])]);
  if (await isWithin(ended, timeout)) return status;
  // The news of its death may overtake what it wrote before.
  await Promise.all(pipes.map(pipe => pipe.drained()));
  return status;
}

/** Whether `work` is done before this time is over. */
async function isWithin(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | null = null;
  const timeIsOver = new Promise<boolean>(resolve => {
    timer = setTimeout(() => resolve(false), ms);
  });
  try {
    return await Promise.race([work.then(() => true), timeIsOver]);
  } finally {
    clearTimeout(timer!);
  }
}
