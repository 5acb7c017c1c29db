/**
 * What is used of an `AbortSignal`. Any object that has this will do: runtimes without a class of that name
 * have packages for it.
 */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason?: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Throws a TypeError, naming the option, unless `value` is an `AbortSignal` or not there. */
export function checkSignalOption(value: unknown): AbortSignalLike | null {
  if (value === undefined) return null;
  const signal = value as Partial<AbortSignalLike> | null;
  if (
    typeof signal !== 'object' ||
    signal === null ||
    typeof signal.aborted !== 'boolean' ||
    typeof signal.addEventListener !== 'function' ||
    typeof signal.removeEventListener !== 'function'
  ) {
    throw new TypeError('options.signal must be an AbortSignal');
  }
  return signal as AbortSignalLike;
}

/** Why `signal`, which is aborted, is. Where it has no reason, an error like that of Node's own functions. */
export function abortReason(signal: AbortSignalLike): unknown {
  if (signal.reason !== undefined) return signal.reason;
  const error = new Error('The operation was aborted');
  error.name = 'AbortError';
  return Object.assign(error, { code: 'ABORT_ERR' });
}

/** Calls `aborted` when `signal` is aborted, and not before this returns. Returns what makes it stop that. */
export function onAbort(signal: AbortSignalLike | null, aborted: () => void): () => void {
  if (signal === null) return () => {};
  signal.addEventListener('abort', aborted);
  return () => signal.removeEventListener('abort', aborted);
}
