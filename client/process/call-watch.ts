import { clearTimeout, setTimeout } from 'timers';
import { checkBoolean, checkKillSignal, checkTimeout } from '../command/run-options';
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
  private readonly callbacks = new Set<() => void>();
  private readonly unwatch: () => void;
  private readonly timer: NodeJS.Timeout | null;

  constructor(
    signal: AbortWatch | null,
    timeout: number,
    killSignal: number,
    killsGroup: boolean,
    program: Uint8Array,
  ) {
    this.killSignal = killSignal;
    this.killsGroup = killsGroup;
    this.unwatch = signal?.onAbort(() => this.end(signal.reason)) ?? (() => {});
    this.timer = timeout === 0 ? null : setTimeout(() => this.end(timedOut(program, timeout)), timeout);
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

/** The watch of a call that only these options can end; null where nothing can. Throws for options that are none. */
export function watchOptions(options: WatchOptions, program: Uint8Array): Watch | null {
  const signal = watchSignal(options.signal);
  const { timeout, killSignal, killGroup } = options;
  if (timeout === undefined && killSignal === undefined && killGroup === undefined) return signal;
  return watchCall(options, program);
}

/** The watch of a call that has reasons of its own to end. Throws for options that are none, and where it is aborted. */
export function watchCall(options: WatchOptions, program: Uint8Array): CallWatch {
  const signal = watchSignal(options.signal);
  const timeout = checkTimeout(options.timeout);
  const killSignal = checkKillSignal(options.killSignal);
  const killsGroup = checkBoolean(options.killGroup, 'killGroup');
  if (signal?.aborted) throw signal.reason;
  return new CallWatch(signal, timeout, killSignal, killsGroup, program);
}
