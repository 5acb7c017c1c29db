import { clearTimeout, setTimeout } from 'timers';
import { beforeUnfreezeFailed } from '../command/before-unfreeze';
import { leadsGroup, notLeader } from '../command/process-group';
import type { AskedCommand } from '../error/asked-command';
import { Errno } from '../error/errno';
import { UnshareError } from '../error/error';
import { toSpawnError } from '../error/spawn-failure';
import { isStoppedError } from '../helper/stop-watch';
import type { unshare } from '../messages';
import { checkPipes, openPipes } from '../pipe/open-pipes';
import type { CommandEvents, Streams } from '../protocol/channel';
import { toExitStatus } from '../protocol/exit-status-message';
import { signalName, signalNumber } from '../signals';
import { Child } from './child';
import { hasAudience, tell } from './event-hub';
import type { ExitStatus } from './exit-status';
import type { RunHandle } from './run-handle';
import type { RunHost } from './run-host';
import { type Unclaimed, unclaimed } from './unclaimed';
import type { Watch } from './watch';
import { weakly } from './weak-ref';

const SIGKILL = signalNumber('SIGKILL');

/** How a run ended, as far as the client can know. */
type Outcome = { readonly status: ExitStatus } | { readonly error: Error };

interface Settler<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

const SETTLED: Settler<Child> = { resolve: () => {}, reject: () => {} };

/** Why a run that was asked for is not handed out, but ended. */
interface Refusal {
  readonly reason: unknown;
  /** Whether the loss of the helper explains it better. */
  readonly yieldsToLoss: boolean;
}

/** One run of a command, from the request to the end of the program. `Child` is what the user sees of it. */
export class Run implements CommandEvents, RunHandle {
  private readonly connection: RunHost;
  private readonly command: number;
  /** What was asked for, until that is answered. */
  private asked: AskedCommand | null;
  private start: Settler<Child>;
  private readonly unwatch: () => void;
  /** Sent to the program where the call is given up. */
  private readonly killSignal: number;
  /** How many milliseconds later SIGKILL is sent; null for never. */
  private readonly forceKillAfter: number | null;
  private forceTimer: NodeJS.Timeout | null = null;
  /** Whether that is sent to the program's process group. */
  readonly killsGroup: boolean;
  /** Whether the program leads a process group. */
  private readonly leadsGroup: boolean;
  /** Why `wait` rejects though the end of the program is known. */
  private spoiledBy: Error | null = null;
  private readonly endCallbacks: (() => void)[] = [];
  private pid = 0;
  /** The start is rejected with its reason as soon as nothing is left of the process. */
  private refusal: Refusal | null = null;
  private outcome: Outcome | null = null;
  private readonly waiters: Settler<ExitStatus>[] = [];
  private referenced = true;
  private child: () => Child | undefined = () => undefined;
  /** What is left of it where nobody has waited for it. */
  private death: Unclaimed | null = null;

  /**
   * Asks for a command over `connection`. The promise settles when it runs or has failed. It ends when the
   * signal is aborted, which it is not yet.
   */
  static start(connection: RunHost, asked: AskedCommand, watch: Watch | null): Promise<Child> {
    return new Promise((resolve, reject) => {
      new Run(connection, asked, watch, { resolve, reject });
    });
  }

  private constructor(connection: RunHost, asked: AskedCommand, watch: Watch | null, start: Settler<Child>) {
    this.connection = connection;
    this.asked = asked;
    this.start = start;
    this.command = connection.channel.spawn(asked.message, this);
    connection.commandBegins();
    connection.ref();
    this.killSignal = watch?.killSignal ?? SIGKILL;
    this.forceKillAfter = watch?.forceKillAfter ?? null;
    this.killsGroup = watch?.killsGroup ?? false;
    this.leadsGroup = leadsGroup(asked.request);
    this.unwatch = watch?.onAbort(() => this.abort(watch.reason)) ?? (() => {});
  }

  frozen(message: unshare.v1.Frozen): void {
    const beforeUnfreeze = this.asked?.request.beforeUnfreeze;
    // In a turn of its own: what it does must not come between messages that are being taken.
    Promise.resolve()
      .then(() => (this.isPending() ? beforeUnfreeze?.(message.pid) : undefined))
      .then(
        () => {
          // What it has done may be to give up privileges: a retired helper ends what does not run yet.
          if (this.isPending() && !this.connection.retireIfForeign())
            this.connection.channel.unfreeze(this.command);
        },
        error => {
          if (this.isPending()) this.refuse(beforeUnfreezeFailed(error));
        },
      );
  }

  spawned(message: unshare.v1.Spawned, streams: Streams): void {
    const { descriptors } = this.asked!.message;
    checkPipes(this.connection.path, descriptors, message.pipes);
    this.asked = null;
    this.pid = message.pid;
    if (this.refusal === null) this.handOut(descriptors, message, streams);
    else {
      closeStreams(streams);
      this.kill();
    }
    if (message.pipes.length > 0) this.connection.channel.releasePipes(this.command);
  }

  failed(message: unshare.v1.SpawnFailed): void {
    const { reason } = this.refusal ?? { reason: toSpawnError(this.connection.path, message, this.asked!) };
    this.startFailed(reason);
  }

  withdrawn(): void {
    this.startFailed(this.refusal!.reason);
  }

  stopped(signal: number): void {
    if (this.refusal !== null || !hasAudience()) return;
    tell({ type: 'stop', pid: this.pid, child: this.handle(), signal: signalName(signal) });
  }

  continued(): void {
    if (this.refusal !== null || !hasAudience()) return;
    tell({ type: 'continue', pid: this.pid, child: this.handle() });
  }

  died(message: unshare.v1.ExitStatus.$Properties): void {
    const status = toExitStatus(message);
    const { pid, refusal, waiters } = this;
    if (refusal !== null) {
      this.start.reject(refusal.reason);
    } else {
      if (waiters.length === 0) this.leaveUnclaimed(status);
      if (hasAudience()) tell({ type: 'death', pid, child: this.handle(), status });
    }
    this.end(this.spoiledBy === null ? { status } : { error: this.spoiledBy });
  }

  lost(error: UnshareError): void {
    this.asked = null;
    // Of no effect where the child was handed out already.
    const isOwnReason = this.refusal !== null && !this.refusal.yieldsToLoss && !isStoppedError(error);
    this.start.reject(isOwnReason ? this.refusal!.reason : error);
    this.end({ error });
  }

  /** Resolves with how the program ended; the same answer each time. */
  wait(): Promise<ExitStatus> {
    return new Promise((resolve, reject) => {
      const waiter = { resolve, reject };
      this.claim();
      if (this.outcome === null) this.waiters.push(waiter);
      else settle(waiter, this.outcome);
    });
  }

  /** How the program ended, or null while it lives. Throws where that will never be known. */
  tryWait(): ExitStatus | null {
    if (this.outcome === null) return null;
    if ('error' in this.outcome) throw this.outcome.error;
    this.claim();
    return this.outcome.status;
  }

  /** Sends the signal of this number, to the whole process group if `group`. */
  async signal(number: number, group = false): Promise<void> {
    if (group && !this.leadsGroup) throw notLeader();
    if (this.outcome !== null) {
      if ('error' in this.outcome) throw this.outcome.error;
      throw this.notSignalled(number, Errno.ESRCH);
    }
    this.connection.retireIfForeign();
    this.connection.ref();
    const request = {};
    this.connection.expectAnswer(request, number === SIGKILL ? { pid: this.pid, signal: number } : null);
    try {
      const errno = await this.connection.channel.signal(this.command, number, group);
      if (errno !== 0) throw this.notSignalled(number, errno);
    } finally {
      this.connection.answered(request);
      this.connection.unref();
    }
  }

  /** Ends the program; `wait` then rejects with `error`. */
  spoil(error: Error): void {
    this.spoiledBy ??= error;
    this.giveUp();
  }

  /** Calls back when the program has ended. */
  atEnd(callback: () => void): void {
    if (this.outcome === null) this.endCallbacks.push(callback);
    else callback();
  }

  /** Keeps the event loop alive until the function that it returns is called. */
  hold(): () => void {
    this.connection.ref();
    let isHeld = true;
    return () => {
      if (isHeld) this.connection.unref();
      isHeld = false;
    };
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

  /** The child that was handed out; where it was dropped, one that has no pipes. */
  private handle(): Child {
    let child = this.child();
    if (child === undefined) {
      child = new Child(this, this.pid, new Map());
      this.child = weakly(child);
    }
    return child;
  }

  /** Nobody waits, but may do so later, or reap. */
  private leaveUnclaimed(status: ExitStatus): void {
    this.death = { pid: this.pid, status, child: () => this.handle() };
    unclaimed.add(this.death);
  }

  /** The status is delivered. */
  private claim(): void {
    if (this.death === null) return;
    unclaimed.claim(this.death);
    this.death = null;
  }

  /** Whether the command was neither answered nor refused yet. */
  private isPending(): boolean {
    return this.asked !== null && this.refusal === null;
  }

  private handOut(
    descriptors: readonly unshare.v1.Descriptor.$Properties[],
    { pipes }: unshare.v1.Spawned,
    streams: Streams,
  ): void {
    try {
      const ends = openPipes(this.connection, descriptors, pipes);
      for (const [number, end] of this.connection.takeRuntimePipes()) ends.set(number, end);
      const child = new Child(this, this.pid, ends, streams);
      // Kept as long as the program lives.
      this.child = () => child;
      this.start.resolve(child);
      // Through its promise it would keep the child.
      this.start = SETTLED;
    } catch (error) {
      // Where the helper is dead, its pipes cannot be opened either.
      this.refusal = { reason: error, yieldsToLoss: true };
      closeStreams(streams);
      this.kill();
    }
  }

  private startFailed(reason: unknown): void {
    this.asked = null;
    this.unwatch();
    this.start.reject(reason);
    this.unref();
    this.connection.answered(this);
    this.connection.commandOver();
  }

  private abort(reason: unknown): void {
    if (this.isPending()) this.refuse(reason);
    else if (this.asked === null) this.giveUp();
  }

  /** Ends the program in the way that the call has named, and at last by SIGKILL. */
  private giveUp(): void {
    this.kill(this.killSignal, this.killsGroup);
    if (this.forceKillAfter === null || this.forceTimer !== null || this.outcome !== null) return;
    this.forceTimer = setTimeout(() => this.kill(SIGKILL, this.killsGroup), this.forceKillAfter);
    // While somebody waits, the program keeps the event loop alive.
    this.forceTimer.unref();
  }

  /** Gives up a command that is pending. It is answered all the same. */
  private refuse(reason: unknown): void {
    this.refusal = { reason, yieldsToLoss: false };
    this.connection.expectAnswer(this, null);
    this.connection.channel.abort(this.command);
  }

  private kill(signal = SIGKILL, group = false): void {
    // It may have ended by itself; either way Died comes.
    this.connection.expectAnswer(this, { pid: this.pid, signal });
    this.signal(signal, group).catch(() => {});
  }

  private end(outcome: Outcome): void {
    this.unwatch();
    if (this.forceTimer !== null) clearTimeout(this.forceTimer);
    this.outcome = outcome;
    const child = this.child();
    // From here on, whoever wants it has it; with its pipes, where they were not read, it can go.
    if (child !== undefined) this.child = weakly(child);
    for (const waiter of this.waiters.splice(0)) settle(waiter, outcome);
    for (const callback of this.endCallbacks.splice(0)) callback();
    this.unref();
    this.connection.answered(this);
    this.connection.commandOver();
  }

  private notSignalled(number: number, errno: number): UnshareError {
    return new UnshareError({
      stage: 'WaitError',
      errno,
      syscall: 'kill',
      doing: `cannot send ${number === 0 ? 'signal 0' : signalName(number)} to process ${this.pid}`,
    });
  }
}

/** For a program that nobody is given. */
function closeStreams(streams: Streams): void {
  for (const stream of streams.values()) stream.close();
}

function settle(waiter: Settler<ExitStatus>, outcome: Outcome): void {
  if ('error' in outcome) waiter.reject(outcome.error);
  else waiter.resolve(outcome.status);
}
