/** A program was ended since it took too long or wrote too much. `stdout` and `stderr` are what had been read by then. */
export interface LimitError<Data extends Buffer | string = Buffer> extends Error {
  /** Which limit it was: `timeout` or `maxBuffer`. */
  code: 'ETIMEDOUT' | 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER';
  /** Empty where standard output was not read for the caller. A string if an `encoding` was named, and so with `stderr`. */
  stdout: Data;
  /** Empty where standard error was not read for the caller. */
  stderr: Data;
}

/** What the program was told to write so far. */
export interface Collected {
  stdout: Buffer;
  stderr: Buffer;
}

/** Whether `error` is one of those below. */
export function isLimitError(error: unknown): error is LimitError {
  return limitErrors.has(error as object);
}

const limitErrors = new WeakSet<object>();

function limitError(error: Error, code: LimitError['code'], collected: Collected): LimitError {
  limitErrors.add(error);
  return Object.assign(error, { code, ...collected });
}

const NOTHING: Collected = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };

/** `shown` is the command as its short display. */
export function timedOut(shown: string, timeout: number, collected = NOTHING): LimitError {
  const message = `${shown} was ended after ${timeout} ms (ETIMEDOUT)`;
  return limitError(new Error(message), 'ETIMEDOUT', collected);
}

/** As Node's own `exec` says it. */
export function outputTooLarge(stream: 'stdout' | 'stderr', collected: Collected): LimitError {
  const error = new RangeError(`${stream} maxBuffer length exceeded`);
  return limitError(error, 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER', collected);
}
