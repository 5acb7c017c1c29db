import { checkCalls, INTERNAL, type Signatures } from '../check/check-calls';
import { knownOptions } from '../check/check-options';
import { feed } from '../command/input';
import { checkBoolean } from '../command/run-options';
import { PipeReader } from '../pipe/pipe-reader';
import { PipeWriter } from '../pipe/pipe-writer';
import type { Streams } from '../protocol/channel';
import { InputStream, OutputStream } from '../protocol/stream';
import { type Signal, signalNumber } from '../signals';
import { disposeWith } from './dispose';
import type { ExitStatus } from './exit-status';
import type { RunHandle } from './run-handle';

const NO_STREAMS: Streams = new Map();

/** Whom a signal is sent to. */
export interface SignalOptions {
  /** The whole process group that the program leads. Default: the program alone. */
  group?: boolean;
}

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
  private readonly run: RunHandle;
  /** The client's ends that were not taken, by their number in the program. */
  private readonly pipes: Map<number, PipeReader | PipeWriter>;
  /** @internal For a call that collects the output. */
  readonly streams: Streams;
  /** Kills the program and waits for its end, where `await using` is left. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /** @internal `pipes` has the client's ends by their number in the program. */
  constructor(
    run: RunHandle,
    pid: number,
    pipes: Map<number, PipeReader | PipeWriter>,
    streams: Streams = NO_STREAMS,
  ) {
    this.run = run;
    this.pid = pid;
    this.pipes = pipes;
    this.streams = streams;
    this.stdin = (pipes.get(0) as PipeWriter | undefined) ?? null;
    this.stdout = (pipes.get(1) as PipeReader | undefined) ?? null;
    this.stderr = (pipes.get(2) as PipeReader | undefined) ?? null;
  }

  /** @internal Whether what ends the program ends its process group. */
  get killsGroup(): boolean {
    return this.run.killsGroup;
  }

  /** The process id, `pid`. */
  id(): number {
    return this.pid;
  }

  /**
   * Hands over the pipe that the program writes to as this descriptor: one declared by `Fd.pipedWrite()`, or
   * 1 or 2, where it is what `stdout` or `stderr` is. Null where there is none, and when called again.
   */
  takePipeReader(fd: number): PipeReader | null {
    const pipe = this.pipes.get(fd);
    if (!(pipe instanceof PipeReader)) return null;
    this.pipes.delete(fd);
    return pipe;
  }

  /**
   * Hands over the pipe that the program reads from as this descriptor: one declared by `Fd.pipedRead()`, or
   * 0, where it is what `stdin` is. Null where there is none, and when called again.
   */
  takePipeWriter(fd: number): PipeWriter | null {
    const pipe = this.pipes.get(fd);
    if (!(pipe instanceof PipeWriter)) return null;
    this.pipes.delete(fd);
    return pipe;
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
   * code `ESRCH` and nothing is sent. With 0, nothing is sent either: it resolves if a signal could be. Rejects at the stage
   * `Helper` where the helper died first.
   *
   * With `group: true`, the whole process group gets it, which the program must lead: a RangeError otherwise (`makeGroupLeader`).
   * A group outlives its leader, but its number may then be given to another one. So this too rejects with `ESRCH` after the
   * program's end.
   */
  async signal(signal: Signal | number, options: SignalOptions = {}): Promise<void> {
    const group = checkBoolean(options.group, 'group');
    return this.run.signal(signal === 0 ? 0 : signalNumber(signal), group);
  }

  /** Sends SIGKILL. Options as for `signal`. */
  kill(options: SignalOptions = {}): Promise<void> {
    return this.signal('SIGKILL', options);
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

  /** @internal The stream that the program writes as this descriptor. */
  outputStream(fd: number): OutputStream | null {
    const stream = this.streams.get(fd);
    return stream instanceof OutputStream ? stream : null;
  }

  /** @internal The stream that the program reads as this descriptor. */
  inputStream(fd: number): InputStream | null {
    const stream = this.streams.get(fd);
    return stream instanceof InputStream ? stream : null;
  }

  /** @internal Keeps the event loop alive until the function that it returns is called. */
  hold(): () => void {
    return this.run.hold();
  }

  /**
   * @internal Writes the option `input` to the program, whose `stdin` is null then. If the source fails, the program is ended, and
   * `wait` rejects with that error.
   */
  feedInput(input: Uint8Array | NodeJS.ReadableStream): void {
    const stdin = this.takePipeWriter(0)!;
    (this as { stdin: PipeWriter | null }).stdin = null;
    this.run.atEnd(feed(stdin, input, error => this.run.spoil(error)));
  }

  /**
   * @internal For a child that nobody is given: the program is at the end of what it would read from the
   * pipes that were not taken, and what it writes to them is dropped.
   */
  neglectPipes(): void {
    for (const pipe of this.pipes.values()) {
      if (pipe instanceof PipeWriter) pipe.destroy();
      else pipe.on('error', () => {}).resume();
    }
    for (const stream of this.streams.values()) stream.neglect();
  }

  /** @internal Closes the pipes that were not taken. */
  closePipes(): void {
    for (const pipe of this.pipes.values()) pipe.destroy();
    for (const stream of this.streams.values()) stream.close();
  }
}

const SIGNAL_OPTIONS = knownOptions<SignalOptions>({ group: true });
const SIGNATURES: Signatures<Child> = {
  id: 0,
  takePipeReader: 1,
  takePipeWriter: 1,
  wait: { most: 0, rejects: true },
  tryWait: 0,
  signal: { most: 2, options: SIGNAL_OPTIONS, rejects: true },
  kill: { most: 1, options: SIGNAL_OPTIONS, rejects: true },
  ref: 0,
  unref: 0,
  neglectPipes: INTERNAL,
  closePipes: INTERNAL,
  feedInput: INTERNAL,
  hold: INTERNAL,
  inputStream: INTERNAL,
  outputStream: INTERNAL,
};
checkCalls(Child.prototype, 'Child', SIGNATURES);

disposeWith(Child, killAndWait);

/** Ends the program where it lives, and closes its pipes but those that were taken. */
async function killAndWait(child: Child): Promise<void> {
  child.closePipes();
  // The program may have ended by itself meanwhile. Whatever else went wrong, wait() tells.
  if (child.tryWait() === null) await child.kill({ group: child.killsGroup }).catch(() => {});
  await child.wait();
}
