import { pipeline, Readable } from 'stream';
import type { PipeWriter } from '../pipe/pipe-writer';
import { isIterable } from './check-list';
import { bytesOfInput } from './run-options';

/** What a program may be given to read: text, bytes, or a source of them. */
export type Input =
  | string
  | Uint8Array
  | NodeJS.ReadableStream
  | AsyncIterable<string | Uint8Array>
  | Iterable<string | Uint8Array>;

/** @internal The bytes, or the stream, that `value` stands for. Throws a TypeError where it stands for none. */
export function toInput(value: Input): Uint8Array | NodeJS.ReadableStream {
  const bytes = bytesOfInput(value);
  if (bytes !== null) return bytes;
  if (typeof (value as Partial<NodeJS.ReadableStream> | null)?.pipe === 'function') {
    return value as NodeJS.ReadableStream;
  }
  if (isIterable(value) || isAsyncIterable(value)) return Readable.from(value as AsyncIterable<Uint8Array>);
  throw new TypeError('options.input must be a string, a Uint8Array, a stream or an iterable of chunks');
}

function isAsyncIterable(value: unknown): boolean {
  return typeof (value as AsyncIterable<unknown> | null)?.[Symbol.asyncIterator] === 'function';
}

/** Calls back where a source fails, which may be before there is a program to feed. Returns what ends that. */
export function watchSource(
  input: Uint8Array | NodeJS.ReadableStream | null,
  failed: (error: Error) => void,
): () => void {
  if (input === null || input instanceof Uint8Array) return () => {};
  input.on('error', failed);
  return () => {
    input.removeListener('error', failed);
  };
}

/**
 * Writes `input` to a program. One that does not read it all is no failure. Calls back with what the source fails with.
 * Returns what ends it: `stdin` and the source are destroyed.
 */
export function feed(
  stdin: PipeWriter,
  input: Uint8Array | NodeJS.ReadableStream,
  failed: (error: Error) => void,
): () => void {
  let isOver = false;
  stdin.on('error', error => {
    // Of the source, nothing more is of interest.
    const isRefused = (error as NodeJS.ErrnoException).code === 'EPIPE';
    if (!isOver && !isRefused) failed(error);
    isOver = true;
  });
  if (input instanceof Uint8Array) {
    stdin.end(input);
  } else {
    pipeline(input, stdin, error => {
      if (error && !isOver) failed(error);
    });
  }
  return () => {
    isOver = true;
    stdin.destroy();
  };
}
