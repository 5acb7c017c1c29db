import { types } from 'util';
import { type Signal, signalNumber } from '../signals';

/** Default of `maxBuffer`. */
const MAX_BUFFER = 64 * 1024 * 1024;

/** The longest time that a timer of the runtime can have, in milliseconds: a longer one would be over at once. */
const TIMEOUT_MAX = 2 ** 31 - 1;

/** The milliseconds that an option `timeout` stands for; 0 for none. Throws a TypeError or a RangeError. */
export function checkTimeout(value: unknown): number {
  return value === undefined ? 0 : checkMilliseconds(value, 'timeout');
}

function checkMilliseconds(value: unknown, name: string): number {
  if (typeof value !== 'number') throw new TypeError(`options.${name} must be a number`);
  if (!(value >= 0 && value <= TIMEOUT_MAX)) {
    throw new RangeError(`options.${name} must be from 0 to ${TIMEOUT_MAX} milliseconds, not ${value}`);
  }
  return Math.ceil(value);
}

/** The milliseconds that an option `drainTimeout` stands for; null for no limit. Throws a TypeError or a RangeError. */
export function checkDrainTimeout(value: unknown): number | null {
  return value === undefined ? null : checkMilliseconds(value, 'drainTimeout');
}

/** The number of the signal that an option `killSignal` stands for. Throws a TypeError or a RangeError. */
export function checkKillSignal(value: Signal | number | undefined): number {
  return signalNumber(value === undefined ? 'SIGKILL' : value);
}

/** Default of `forceKillAfter`, as in other packages. */
const FORCE_KILL_AFTER_MS = 5000;

/**
 * The milliseconds that an option `forceKillAfter` stands for; null for never, and if `killSignal` leaves nothing to be forced. Throws
 * a TypeError or a RangeError.
 */
export function checkForceKillAfter(value: unknown, killSignal: number): number | null {
  const isNever = value === false || value === Number.POSITIVE_INFINITY;
  const after =
    value === undefined || isNever ? FORCE_KILL_AFTER_MS : checkMilliseconds(value, 'forceKillAfter');
  return isNever || killSignal === signalNumber('SIGKILL') ? null : after;
}

/** The bytes that an option `maxBuffer` stands for. Throws a TypeError or a RangeError. */
export function checkMaxBuffer(value: unknown): number {
  if (value === undefined) return MAX_BUFFER;
  if (typeof value !== 'number') throw new TypeError('options.maxBuffer must be a number');
  if (!(value >= 0)) throw new RangeError(`options.maxBuffer must be 0 or more, not ${value}`);
  return Math.floor(value);
}

/** The bytes of an option `input` that is there at once, or null where it is none. */
export function bytesOfInput(value: unknown): Uint8Array | null {
  if (typeof value === 'string') return Buffer.from(value, 'utf8');
  // Also of another realm, of which `instanceof` knows nothing.
  if (!types.isArrayBufferView(value)) return null;
  return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
}

/** Whether an option `name` is set. Throws a TypeError. */
export function checkBoolean(value: unknown, name: string): boolean {
  if (value === undefined) return false;
  if (typeof value !== 'boolean') throw new TypeError(`options.${name} must be a boolean`);
  return value;
}

/** The encoding that an option `encoding` names; null for bytes. Throws a TypeError. */
export function checkEncoding(value: unknown): BufferEncoding | null {
  if (value === undefined || value === 'buffer') return null;
  if (typeof value !== 'string' || !Buffer.isEncoding(value)) {
    throw new TypeError("options.encoding must be 'buffer' or an encoding of Buffer");
  }
  return value;
}
