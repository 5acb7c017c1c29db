import { signalNumber } from '../signals';
import type { Watch } from './watch';

const SIGKILL = signalNumber('SIGKILL');

/**
 * What is used of an `AbortSignal`. Any object that has this will do: runtimes without a class of that name
 * have packages for it.
 */
export interface AbortSignalLike {
  /** Whether it is aborted already. */
  readonly aborted: boolean;
  /** Why; what a command that was ended rejects with. */
  readonly reason?: unknown;
  /** Adds what is called when it is aborted. */
  addEventListener(type: 'abort', listener: () => void): void;
  /** Takes that away again. */
  removeEventListener(type: 'abort', listener: () => void): void;
}

/**
 * An `AbortSignal` as commands watch it. All share one listener: more than ten on one signal look like a leak to
 * Node, which warns, though a signal for a hundred commands is none.
 */
export class AbortWatch implements Watch {
  readonly killSignal = SIGKILL;
  readonly forceKillAfter = null;
  readonly killsGroup = false;
  private readonly signal: AbortSignalLike;
  private readonly callbacks = new Set<() => void>();

  constructor(signal: AbortSignalLike) {
    this.signal = signal;
  }

  get aborted(): boolean {
    return this.signal.aborted;
  }

  /** Why the signal is aborted. Where it has no reason, an error like that of Node's own functions. */
  get reason(): unknown {
    if (this.signal.reason !== undefined) return this.signal.reason;
    const error = new Error('The operation was aborted');
    error.name = 'AbortError';
    return Object.assign(error, { code: 'ABORT_ERR' });
  }

  /** Calls back when the signal is aborted, and not before this returns. Returns what ends that. */
  onAbort(callback: () => void): () => void {
    if (this.callbacks.size === 0) this.signal.addEventListener('abort', this.listener);
    this.callbacks.add(callback);
    return () => {
      if (this.callbacks.delete(callback) && this.callbacks.size === 0) {
        this.signal.removeEventListener('abort', this.listener);
      }
    };
  }

  private readonly listener = () => {
    for (const callback of [...this.callbacks]) callback();
  };
}

const watches = new WeakMap<object, AbortWatch>();

/**
 * What watches the option `signal`, or null where there is none. Throws a TypeError where it is no
 * `AbortSignal`.
 */
export function watchSignal(option: unknown): AbortWatch | null {
  if (option === undefined) return null;
  const signal = option as Partial<AbortSignalLike> | null;
  if (
    typeof signal !== 'object' ||
    signal === null ||
    typeof signal.aborted !== 'boolean' ||
    typeof signal.addEventListener !== 'function' ||
    typeof signal.removeEventListener !== 'function'
  ) {
    throw new TypeError('options.signal must be an AbortSignal');
  }
  let watch = watches.get(signal);
  if (watch === undefined) {
    watch = new AbortWatch(signal as AbortSignalLike);
    watches.set(signal, watch);
  }
  return watch;
}
