import { types } from 'util';
import { escapeUnprintable, quote } from './escape';

/** What Linux takes as bytes: arguments, paths, the environment. A string stands for its UTF-8. */
export type Bytes = string | Uint8Array;

/**
 * Returns a copy of `value` as bytes.
 *
 * Throws a TypeError that names the argument, `name`, for what is neither string nor Uint8Array, and for a
 * NUL inside: the kernel takes strings that end at the first one.
 */
export function toBytes(value: unknown, name: string): Buffer {
  if (typeof value === 'string') {
    if (value.includes('\0')) throw containsNul(name);
    return Buffer.from(value, 'utf8');
  }
  if (types.isUint8Array(value)) {
    if (value.includes(0)) throw containsNul(name);
    return Buffer.from(value);
  }
  throw new TypeError(`${name} must be a string or a Uint8Array`);
}

function containsNul(name: string): TypeError {
  return new TypeError(`${name} must not contain a NUL`);
}

/**
 * `bytes` as text, which is data: it may hold anything. If they are not UTF-8, every byte that is not ASCII is `\xNN`. For people,
 * use `quoteBytes`, or `escapeUnprintable` on the result.
 */
export function displayBytes(bytes: Uint8Array): string {
  return toText(bytes) ?? escapeNonAscii(bytes, text => text);
}

/** `bytes` in double quotes, escaped as by `quote`. If they are not UTF-8, every byte that is not ASCII is `\xNN`. */
export function quoteBytes(bytes: Uint8Array): string {
  const text = toText(bytes);
  return text === null ? `"${escapeNonAscii(bytes, escapeJson)}"` : quote(text);
}

function toText(bytes: Uint8Array): string | null {
  const text = Buffer.from(bytes).toString('utf8');
  return Buffer.from(text, 'utf8').equals(bytes) ? text : null;
}

function escapeNonAscii(bytes: Uint8Array, escapeAscii: (text: string) => string): string {
  let result = '';
  for (const byte of bytes) {
    result += byte < 0x80 ? escapeAscii(String.fromCharCode(byte)) : `\\x${byte.toString(16)}`;
  }
  return result;
}

function escapeJson(text: string): string {
  return escapeUnprintable(JSON.stringify(text).slice(1, -1));
}
