import type { CommandEvents } from './channel';
import { Child } from './child';
import type { Connection } from './connection';
import { toExitStatus } from './died';
import { Errno } from './errno';
import { UnshareError } from './error';
import type { ExitStatus } from './exit-status';
import type { unshare } from './messages';
import { checkPipes, openPipes } from './open-pipes';
import { signalName, signalNumber } from './signals';
import { toSpawnError } from './spawn-failure';
import type { SpawnMessage } from './spawn-message';

/** How a run ended, as far as the client can know. */
type Outcome = { readonly status: ExitStatus } | { readonly error: UnshareError };

interface Settler<T> {
  resolve(value: T): void;
  reject(error: UnshareError): void;
}

/** One run of a command, from the request to the end of the program. `Child` is what the user sees of it. */
export class Run implements CommandEvents {
  private readonly connection: Connection;
  private readonly command: number;
  /** What was asked for, until that is answered. */
  private message: SpawnMessage | null;
  private readonly start: Settler<Child>;
  private pid = 0;
  /** Why the program, which runs, is not handed out, and its death awaited instead. */
  private discarded: UnshareError | null = null;
  private outcome: Outcome | null = null;
  private readonly waiters: Settler<ExitStatus>[] = [];
  private referenced = true;

  /** Asks for a command over `connection`. The promise settles when it runs or has failed. */
  static start(connection: Connection, message: SpawnMessage): Promise<Child> {
    return new Promise((resolve, reject) => {
      new Run(connection, message, { resolve, reject });
    });
  }

  private constructor(connection: Connection, message: SpawnMessage, start: Settler<Child>) {
    this.connection = connection;
    this.message = message;
    this.start = start;
    this.command = connection.channel.spawn(message, this);
    connection.ref();
  }

  spawned(message: unshare.v1.Spawned): void {
    const asked = this.message?.descriptors ?? [];
    checkPipes(this.connection.path, asked, message.pipes);
    this.message = null;
    this.pid = message.pid;
    if (message.pipes.length === 0) {
      this.start.resolve(new Child(this, this.pid, new Map()));
      return;
    }
    try {
      const pipes = openPipes(this.connection, message.pipes);
      this.start.resolve(new Child(this, this.pid, pipes));
    } catch (error) {
      this.discard(error as UnshareError);
    } finally {
      this.connection.channel.releasePipes(this.command);
    }
  }

  failed(message: unshare.v1.SpawnFailed): void {
    const error = toSpawnError(this.connection.path, message, this.message!);
    this.message = null;
    this.start.reject(error);
    this.unref();
  }

  died(message: unshare.v1.Died): void {
    if (this.discarded !== null) this.start.reject(this.discarded);
    this.end({ status: toExitStatus(message) });
  }

  lost(error: UnshareError): void {
    // Of no effect where the child was handed out already. Where it was discarded, a dead helper is the reason: its
    // pipes cannot be opened either.
    this.start.reject(error);
    this.end({ error });
  }

  /** Resolves with how the program ended; the same answer each time. */
  wait(): Promise<ExitStatus> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      if (this.outcome === null) this.waiters.push(waiter);
      else settle(waiter, this.outcome);
    });
  }

  /** How the program ended, or null while it lives. Throws where that will never be known. */
  tryWait(): ExitStatus | null {
    if (this.outcome === null) return null;
    if ('error' in this.outcome) throw this.outcome.error;
    return this.outcome.status;
  }

  /** Sends the signal of this number. */
  async signal(number: number): Promise<void> {
    if (this.outcome !== null) {
      if ('error' in this.outcome) throw this.outcome.error;
      throw this.notSignalled(number, Errno.ESRCH);
    }
    this.connection.ref();
    try {
      const errno = await this.connection.channel.signal(this.command, number);
      if (errno !== 0) throw this.notSignalled(number, errno);
    } finally {
      this.connection.unref();
    }
  }

  /** Keeps the event loop alive while the program lives, which is so from the start. */
  ref(): void {
    if (this.referenced || this.outcome !== null) return;
    this.referenced = true;
    this.connection.ref();
  }

  /** Undoes `ref`. */
  unref(): void {
    if (!this.referenced) return;
    this.referenced = false;
    this.connection.unref();
  }

  private discard(error: UnshareError): void {
    this.discarded = error;
    // It may have ended by itself; either way Died comes.
    this.signal(signalNumber('SIGKILL')).catch(() => {});
  }

  private end(outcome: Outcome): void {
    this.outcome = outcome;
    for (const waiter of this.waiters.splice(0)) settle(waiter, outcome);
    this.unref();
  }

  private notSignalled(number: number, errno: number): UnshareError {
    return new UnshareError({
      stage: 'WaitError',
      errno,
      syscall: 'kill',
      doing: `cannot send ${signalName(number)} to process ${this.pid}`,
    });
  }
}

function settle(waiter: Settler<ExitStatus>, outcome: Outcome): void {
  if ('error' in outcome) waiter.reject(outcome.error);
  else waiter.resolve(outcome.status);
}
