import { type ChildProcess, spawn, spawnSync } from 'child_process';
import type { Socket } from 'net';
import { clearTimeout, setTimeout } from 'timers';
import { attempt } from '../attempt';
import { errnoOf } from '../error/errno';
import { UnshareError } from '../error/error';
import { quote } from '../escape';
import { type Carried, keepArguments, toStdioOption } from './carried';
import { type StandardStream, shareStandard } from './shared-streams';

/** The descriptor at which the helper finds its control socket. */
export const CONTROL_FD = 3;

/**
 * How long the socket may stay open after the helper's death, in milliseconds. Somebody else may hold it; it is closed
 * then.
 */
const SOCKET_GRACE_MS = 1000;

/**
 * How long the helper may live after its socket was closed, in milliseconds; it is killed then. It spends up to a second on
 * its children (`ending_ms` in helper/limits.zig).
 */
const END_GRACE_MS = 3000;

const HELPER_NAME = 'unshare-helper';

/** It needs none, and what is not there cannot be read from its memory. */
const ENVIRONMENT = {};

/** What a helper for one command has left. */
export interface OnceEnd {
  /** Empty where they are not piped. */
  stdout: Buffer;
  stderr: Buffer;
  /** The backstop was needed. */
  isLate: boolean;
  /** Why it may not have answered: it could not be started, was killed or exited with a failure. */
  failure: UnshareError | null;
}

/** What a helper gets that is not through long after the time of its command: it may be stopped. */
export interface Backstop {
  readonly afterMs: number;
  readonly signal: 'SIGKILL' | 'SIGCONT';
}

/** Runs a helper for the command in `file`, and waits for its end. `isPiped` is for its standard output and error. */
export function runHelperOnce(
  path: string,
  file: number,
  isPiped: readonly [boolean, boolean],
  carried: readonly Carried[],
  backstop: Backstop | null,
): OnceEnd {
  const outputs = isPiped.map(piped => (piped ? 'pipe' : 'inherit') as StandardStream);
  const { stdio, arguments: told } = shareStandard(toStdioOption(['inherit', ...outputs, file], carried));
  const { error, signal, status, pid, output } = starting(path, () =>
    spawnSync(path, [`--once=${process.pid}`, ...keepArguments(carried), ...told], {
      stdio,
      argv0: HELPER_NAME,
      env: ENVIRONMENT,
      // The helper sees to it.
      maxBuffer: Number.POSITIVE_INFINITY,
      encoding: 'buffer',
      ...(backstop === null ? {} : { timeout: backstop.afterMs, killSignal: backstop.signal }),
    }),
  );
  const bytes = (index: number) => (output?.[index] as Buffer | null | undefined) ?? Buffer.alloc(0);
  const isLate = backstop !== null && (error as NodeJS.ErrnoException | undefined)?.code === 'ETIMEDOUT';
  return { stdout: bytes(1), stderr: bytes(2), isLate, failure: failureOf() };

  function failureOf(): UnshareError | null {
    if (error && !isLate) return notStarted(path, error);
    // Deno does not always say why.
    if (pid === undefined) return notStarted(path, new Error('the runtime has not started it'));
    return status === 0 ? null : died(path, pid, describeExit(status, signal));
  }
}

/** What a helper process tells its owner. */
export interface HelperProcessEvents {
  /** Bytes that it has sent. */
  data(chunk: Uint8Array): void;
  /** It could not be started, has died or was stopped; called once, after the last `data`. */
  ended(error: UnshareError): void;
}

/**
 * The process of a helper, and its control socket. Nothing else in the client starts processes.
 *
 * Neither keeps the event loop alive by itself; `ref` and `unref` change that.
 */
export class HelperProcess {
  private readonly path: string;
  private readonly events: HelperProcessEvents;
  private readonly child: ChildProcess;
  /** Null where the runtime could not make one; an `error` event of the child says why. */
  private readonly socket: Socket | null;
  /** How the process ended, once it has. */
  private end: UnshareError | null = null;
  /** Why this process has killed it. */
  private killed: UnshareError | null = null;
  private socketError: Error | null = null;
  private socketClosed = false;
  private grace: NodeJS.Timeout | null = null;
  private readonly stopped: Promise<void>;
  private resolveStopped!: () => void;

  /**
   * One that has something to carry is for one command. Throws at the stage `Helper` what the runtime throws instead of an
   * event.
   */
  constructor(path: string, events: HelperProcessEvents, carried: readonly Carried[] = []) {
    this.path = path;
    this.events = events;
    this.stopped = new Promise(resolve => {
      this.resolveStopped = resolve;
    });
    const shared = shareStandard(toStdioOption(['inherit', 'inherit', 'inherit', 'pipe'], carried));
    this.child = starting(path, () =>
      spawn(path, [...keepArguments(carried), ...shared.arguments], {
        stdio: shared.stdio,
        argv0: HELPER_NAME,
        env: ENVIRONMENT,
      }),
    );
    this.child.on('error', error => {
      // A signal that could not be sent is told by this event too.
      if (this.pid === null) this.processEnded(notStarted(path, error));
    });
    this.child.once('exit', (code, signal) => this.processEnded(this.died(describeExit(code, signal))));
    for (const number of shared.unused) this.child.stdio?.[number]?.destroy();
    // Deno throws if there is no process.
    attempt(() => this.child.unref());
    this.socket = (this.child.stdio?.[CONTROL_FD] as Socket | undefined) ?? null;
    if (this.socket === null) {
      this.socketClosed = true;
      return;
    }
    this.socket.on('data', (chunk: Buffer) => events.data(chunk));
    this.socket.on('error', error => {
      this.socketError = error;
    });
    this.socket.once('close', () => this.socketEnded());
    this.socket.unref();
  }

  /** Process id, as the client's pid namespace has it, or null where the process could not be started. */
  get pid(): number | null {
    return this.child.pid ?? null;
  }

  /** The client's end of the pipe that the runtime has made for the helper's descriptor of this number. */
  pipeAt(descriptor: number): Socket | null {
    return (this.child.stdio?.[descriptor] as Socket | null | undefined) ?? null;
  }

  /** Sends bytes. A failure to do so is the end of the helper, and told as that. */
  write(bytes: Uint8Array): void {
    this.socket?.write(bytes);
  }

  /** Keeps the event loop alive while the helper lives. */
  ref(): void {
    this.socket?.ref();
  }

  /** Undoes `ref`. */
  unref(): void {
    this.socket?.unref();
  }

  /** Closes the control socket, which ends the helper. Resolves when it has ended. */
  stop(): Promise<void> {
    this.socket?.destroy();
    return this.stopped;
  }

  /** Kills the helper, whose end is told as `reason`. */
  kill(reason: UnshareError): void {
    this.killed = reason;
    attempt(() => this.child.kill('SIGKILL'));
  }

  private processEnded(end: UnshareError): void {
    if (this.end !== null) return;
    this.end = this.killed ?? end;
    if (!this.socketClosed) {
      // What it sent last may not have been read yet.
      this.ref();
      this.startGrace(SOCKET_GRACE_MS, () => this.socket?.destroy());
    }
    this.settle();
  }

  private socketEnded(): void {
    this.socketClosed = true;
    if (this.end === null) {
      // The socket no longer keeps the event loop alive, and how the process ends still has to be told.
      attempt(() => this.child.ref());
      this.startGrace(END_GRACE_MS, () => {
        attempt(() => this.child.kill('SIGKILL'));
        this.processEnded(this.died('closed its control socket'));
      });
    }
    this.settle();
  }

  private startGrace(ms: number, callback: () => void): void {
    this.grace = setTimeout(callback, ms);
  }

  private settle(): void {
    if (this.end === null || !this.socketClosed) return;
    if (this.grace !== null) clearTimeout(this.grace);
    attempt(() => this.child.unref());
    this.events.ended(this.end);
    this.resolveStopped();
  }

  private died(how: string): UnshareError {
    return died(this.path, this.pid, how, this.socketError);
  }
}

function starting<T>(path: string, start: () => T): T {
  try {
    return start();
  } catch (cause) {
    throw notStarted(path, cause as Error);
  }
}

function notStarted(path: string, cause: Error): UnshareError {
  const errno = errnoOf(cause);
  return new UnshareError({
    stage: 'Helper',
    errno,
    syscall: 'spawn',
    path,
    doing: `cannot start the helper ${quote(path)}`,
    reason: errno === null ? cause.message : null,
    cause,
  });
}

function died(path: string, pid: number | null, how: string, cause?: Error | null): UnshareError {
  return new UnshareError({
    stage: 'Helper',
    path,
    doing: `the helper ${quote(path)} has died`,
    reason: `process ${pid} ${how}`,
    cause: cause ?? undefined,
  });
}

function describeExit(code: number | null, signal: string | null): string {
  return signal === null ? `exited with status ${code}` : `was killed by ${signal}`;
}
