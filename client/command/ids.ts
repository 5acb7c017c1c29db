/** The last uid and gid: the kernel takes 2³²−1 for "leave it as it is" (`man 2 setresuid`). */
export const ID_MAX = 2 ** 32 - 2;

/** How many ids there can be in one row of an id map. */
export const ID_COUNT_MAX = 2 ** 32 - 1;

/**
 * Returns `value` where it is an integer from `min` to `max`.
 *
 * Throws, naming the argument, a TypeError for what is no number and a RangeError for every other number.
 */
export function checkInteger(value: unknown, name: string, min: number, max: number): number {
  if (typeof value !== 'number') throw new TypeError(`${name} must be a number`);
  if (!Number.isInteger(value) || value < min || value > max) {
    throw new RangeError(`${name} must be an integer from ${min} to ${max}, not ${value}`);
  }
  return value;
}

/** Returns `value` where it is a uid or a gid; throws like `checkInteger`. */
export function checkId(value: unknown, name: string): number {
  return checkInteger(value, name, 0, ID_MAX);
}

/** The last number that a descriptor of a program can have: the kernel's numbers have 31 bits. */
export const DESCRIPTOR_MAX = 2 ** 31 - 2;

/** `value` if it can be the number of a descriptor of a program. Throws a TypeError or a RangeError. */
export function checkDescriptor(value: unknown): number {
  return checkInteger(value, 'number', 0, DESCRIPTOR_MAX);
}
