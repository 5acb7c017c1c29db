import { quoteBytes } from './bytes';

/** A program was ended since it took too long or wrote too much. `stdout` and `stderr` are what had been read by then. */
export interface LimitError extends Error {
  code: 'ETIMEDOUT' | 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER';
  stdout: Buffer;
  stderr: Buffer;
}

/** @internal What the program was told to write so far. */
export interface Collected {
  stdout: Buffer;
  stderr: Buffer;
}

const NOTHING: Collected = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };

export function timedOut(program: Uint8Array, timeout: number, collected = NOTHING): LimitError {
  const message = `${quoteBytes(program)} was ended after ${timeout} ms (ETIMEDOUT)`;
  return Object.assign(new Error(message), { code: 'ETIMEDOUT' as const, ...collected });
}

/** As Node's own `exec` says it. */
export function outputTooLarge(stream: 'stdout' | 'stderr', collected: Collected): LimitError {
  const code = 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER' as const;
  return Object.assign(new RangeError(`${stream} maxBuffer length exceeded`), { code, ...collected });
}
