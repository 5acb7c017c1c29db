import { finished, Readable, type Writable } from 'stream';
import { isIterable } from './check-list';
import { bytesOfInput } from './run-options';
import type { Streamed } from './spawn-request';

/** What a program may be given to read: text, bytes, or a source of them. */
export type Input =
  | string
  | NodeJS.ArrayBufferView
  | NodeJS.ReadableStream
  | AsyncIterable<string | NodeJS.ArrayBufferView>
  | Iterable<string | NodeJS.ArrayBufferView>;

/** @internal The bytes, or the stream, that `value` stands for. Throws a TypeError where it stands for none. */
export function toInput(value: Input): Uint8Array | NodeJS.ReadableStream {
  const bytes = bytesOfInput(value);
  if (bytes !== null) return bytes;
  if (typeof (value as Partial<NodeJS.ReadableStream> | null)?.pipe === 'function') {
    return value as NodeJS.ReadableStream;
  }
  if (isIterable(value) || isAsyncIterable(value)) return Readable.from(value as AsyncIterable<Uint8Array>);
  throw new TypeError(
    'options.input must be a string, a TypedArray, a DataView, a stream or an iterable of chunks',
  );
}

function isAsyncIterable(value: unknown): boolean {
  return typeof (value as AsyncIterable<unknown> | null)?.[Symbol.asyncIterator] === 'function';
}

/** A pipe takes this much at once, so that the program finds it there. */
const INPUT_FIRST_MAX = 64 * 1024;

/** @internal For a program that is given nothing to read, or not yet. */
export const NO_INPUT: Streamed = { input: Buffer.alloc(0), inputEnds: false };

/** @internal The bytes that go to the helper together with the command. */
export function firstInput(input: Uint8Array | NodeJS.ReadableStream | null): Streamed {
  if (input === null || isStream(input)) return NO_INPUT;
  return { input: input.subarray(0, INPUT_FIRST_MAX), inputEnds: input.length <= INPUT_FIRST_MAX };
}

/** @internal What follows `first`, or null if that is all. */
export function restOfInput(
  input: Uint8Array | NodeJS.ReadableStream | null,
  first: Streamed,
): Uint8Array | NodeJS.ReadableStream | null {
  if (input === null || first.inputEnds) return null;
  return isStream(input) ? input : input.subarray(first.input.length);
}

/** Calls back if a source fails, which may be before there is a program to feed. Returns what ends that. */
export function watchSource(
  input: Uint8Array | NodeJS.ReadableStream | null,
  failed: (error: Error) => void,
): () => void {
  if (input === null || !isStream(input)) return () => {};
  input.on('error', failed);
  return () => {
    input.removeListener('error', failed);
  };
}

/**
 * Writes `input` to a program. One that does not read it all is no failure. Calls back with what the source fails with, and
 * with a TypeError for a chunk that is no bytes. Returns what ends it: `stdin` and the source are destroyed.
 */
export function feed(
  stdin: Writable,
  input: Uint8Array | NodeJS.ReadableStream,
  failed: (error: Error) => void,
): () => void {
  let isOver = false;
  let endSource = () => {};
  const end = (error: Error | null) => {
    if (isOver) return;
    isOver = true;
    endSource();
    stdin.destroy();
    if (error !== null) failed(error);
  };
  // Of a program that does not read on, nothing more is of interest.
  stdin.on('error', error => end((error as NodeJS.ErrnoException).code === 'EPIPE' ? null : error));
  if (isStream(input)) endSource = pump(input, stdin, end);
  else stdin.end(input);
  return () => end(null);
}

function isStream(input: Uint8Array | NodeJS.ReadableStream): input is NodeJS.ReadableStream {
  return typeof (input as Partial<NodeJS.ReadableStream>).pipe === 'function';
}

/**
 * Not `pipeline`: a chunk that the writing end refuses would be thrown inside the listener of the stream, where nobody catches
 * it. Returns what ends the source.
 */
function pump(
  source: NodeJS.ReadableStream,
  stdin: Writable,
  end: (error: Error | null) => void,
): () => void {
  let index = 0;
  source.on('data', (chunk: unknown) => {
    const bytes = bytesOfInput(chunk);
    if (bytes === null) return end(notBytes(chunk, index));
    index += 1;
    if (stdin.destroyed || stdin.write(bytes)) return;
    source.pause();
    stdin.once('drain', () => source.resume());
  });
  finished(source, { writable: false }, error => {
    if (error) end(error);
    else stdin.end();
  });
  return () => {
    // What comes of it now is nobody's business.
    source.on('error', () => {});
    (source as Partial<Readable>).destroy?.();
  };
}

function notBytes(chunk: unknown, index: number): TypeError {
  const type = chunk === null ? 'null' : typeof chunk;
  return new TypeError(`chunk ${index} of options.input must be a string or bytes, not of the type ${type}`);
}
