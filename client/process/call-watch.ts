import { clearTimeout, setTimeout } from 'timers';
import { checkBoolean, checkForceKillAfter, checkKillSignal, checkTimeout } from '../command/run-options';
import type { Signal } from '../signals';
import { type AbortSignalLike, type AbortWatch, watchSignal } from './abort';
import { timedOut } from './limit-errors';
import type { Watch } from './watch';

/** The options of a call that a watch is made of. */
export interface WatchOptions {
  signal?: AbortSignalLike;
  timeout?: number;
  killSignal?: Signal | number;
  killGroup?: boolean;
  forceKillAfter?: number | false;
}

/**
 * What ends one call: its abort signal, its time, or `end`. It is at work while there are callbacks, from the first to
 * the last.
 */
export class CallWatch implements Watch {
  aborted = false;
  reason: unknown = undefined;
  readonly killSignal: number;
  readonly killsGroup: boolean;
  readonly forceKillAfter: number | null;
  private readonly callbacks = new Set<() => void>();
  private readonly unwatch: () => void;
  private readonly timer: NodeJS.Timeout | null;

  constructor(
    signal: AbortWatch | null,
    timeout: number,
    killSignal: number,
    killsGroup: boolean,
    forceKillAfter: number | null,
    shown: () => string,
  ) {
    this.killSignal = killSignal;
    this.killsGroup = killsGroup;
    this.forceKillAfter = forceKillAfter;
    this.unwatch = signal?.onAbort(() => this.end(signal.reason)) ?? (() => {});
    this.timer = timeout === 0 ? null : setTimeout(() => this.end(timedOut(shown(), timeout)), timeout);
  }

  /** Ends the command, unless it is to end already. */
  end(reason: unknown): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.stop();
    for (const callback of [...this.callbacks]) callback();
  }

  onAbort(callback: () => void): () => void {
    this.callbacks.add(callback);
    return () => {
      if (this.callbacks.delete(callback) && this.callbacks.size === 0) this.stop();
    };
  }

  private stop(): void {
    this.unwatch();
    if (this.timer !== null) clearTimeout(this.timer);
  }
}

/** The watch of a call that only these options can end; null where nothing can. Throws for options that are none. `shown` is the command, for the message of a timeout. */
export function watchOptions(options: WatchOptions, shown: () => string): Watch | null {
  const signal = watchSignal(options.signal);
  const given = [options.timeout, options.killSignal, options.killGroup, options.forceKillAfter];
  if (given.every(option => option === undefined)) return signal;
  return watchCall(options, shown);
}

/** The watch of a call that has reasons of its own to end. Throws for options that are none, and where it is aborted. */
export function watchCall(options: WatchOptions, shown: () => string): CallWatch {
  const signal = watchSignal(options.signal);
  const timeout = checkTimeout(options.timeout);
  const killSignal = checkKillSignal(options.killSignal);
  const killsGroup = checkBoolean(options.killGroup, 'killGroup');
  const forceKillAfter = checkForceKillAfter(options.forceKillAfter, killSignal);
  if (signal?.aborted) throw signal.reason;
  return new CallWatch(signal, timeout, killSignal, killsGroup, forceKillAfter, shown);
}
