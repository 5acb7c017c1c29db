import { checkOptions, type KnownOptions } from './check-options';

/** What a method may be given. */
export interface Signature {
  /** How many arguments it takes at most. */
  readonly most: number;
  /** Those of the last argument, if it is an object of options. */
  readonly options?: KnownOptions;
  /** Whether it returns a promise, which rejects then. Otherwise, the method throws. */
  readonly rejects?: boolean;
}

/** The names of the public methods of `T`. */
type MethodNames<T> = { [K in keyof T]-?: T[K] extends (...list: never[]) => unknown ? K : never }[keyof T] &
  string;

/** A method that is for this package alone. */
export const INTERNAL = null;

/** For each public method of `T` its signature, or only how many arguments it takes. One that is missing does not compile. */
export type Signatures<T, Inherited = never> = Readonly<
  Record<Exclude<MethodNames<T>, Inherited>, Signature | number | typeof INTERNAL>
>;

/** Throws a TypeError if `extra`, the arguments behind the first `most` of `call`, are any. */
export function checkNoMore(call: string, most: number, extra: readonly unknown[]): void {
  if (extra.length === 0) return;
  const taken = most === 0 ? 'no argument' : `at most ${most} argument${most === 1 ? '' : 's'}`;
  throw new TypeError(`${call}() takes ${taken}, not ${most + extra.length}`);
}

/**
 * Lets the methods of `target`, a prototype or a class, throw a TypeError for arguments and options that they do not know, before
 * they do anything: what is ignored without a word may have been a limit. `name` is what calls are named after in messages.
 */
export function checkCalls(
  target: object,
  name: string,
  signatures: Readonly<Record<string, Signature | number | null>>,
): void {
  for (const [method, declared] of Object.entries(signatures)) {
    if (declared === null) continue;
    const signature = typeof declared === 'number' ? { most: declared } : declared;
    const property = Object.getOwnPropertyDescriptor(target, method)!;
    const value = checked(`${name}.${method}`, property.value as Method, signature);
    Object.defineProperty(target, method, { ...property, value });
  }
}

type Method = (this: unknown, ...list: unknown[]) => unknown;

function checked(call: string, method: Method, { most, options, rejects }: Signature): Method {
  function check(list: readonly unknown[]): void {
    if (list.length > most) checkNoMore(call, most, list.slice(most));
    if (options !== undefined) checkOptions(call, list[most - 1], options);
  }
  const wrapper: Method = rejects
    ? function (this: unknown, ...list) {
        try {
          check(list);
        } catch (error) {
          return Promise.reject(error);
        }
        return method.apply(this, list);
      }
    : function (this: unknown, ...list) {
        check(list);
        return method.apply(this, list);
      };
  for (const property of ['name', 'length'] as const) {
    Object.defineProperty(wrapper, property, { value: method[property], configurable: true });
  }
  return wrapper;
}
