/** Whether `value` can be iterated over, as a string can. */
export function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof (value as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function';
}

/**
 * What `list` holds, each as `check` returns it. Throws a TypeError that names the argument, `name`, where
 * it is no iterable; neither is a string, whose characters nobody means. `what` is what it has to be an
 * iterable of, in words.
 */
export function checkList<T>(list: unknown, name: string, what: string, check: (value: unknown) => T): T[] {
  if (typeof list === 'string' || !isIterable(list)) {
    throw new TypeError(`${name} must be an iterable of ${what}`);
  }
  return Array.from(list, value => check(value));
}
