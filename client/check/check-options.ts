import { quote } from '../escape';
import { editDistance } from './edit-distance';

/** The options that a call knows. */
export interface KnownOptions {
  readonly names: readonly string[];
  /** Options of Node's own calls, and what is to be called instead. */
  readonly elsewhere: Readonly<Record<string, string>>;
}

/** The names of all options of `T`: one that is missing here does not compile. */
export function knownOptions<T>(
  names: Readonly<Record<keyof T & string, true>>,
  elsewhere: Readonly<Record<string, string>> = {},
): KnownOptions {
  return { names: Object.keys(names), elsewhere };
}

/**
 * Throws a TypeError for options that are no object, and for one that `call` does not know: a misspelt limit would be none. Takes
 * objects of any realm and with any prototype, whose options count as well. What an option may be, the call checks itself.
 */
export function checkOptions(call: string, options: unknown, known: KnownOptions): void {
  if (options === undefined) return;
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw new TypeError(`the options of ${call}() must be an object`);
  }
  let holder: object | null = options;
  while (holder !== null && !isRootPrototype(holder)) {
    for (const name of Object.keys(holder)) {
      if (!known.names.includes(name)) throw unknownOption(call, name, known);
    }
    holder = Object.getPrototypeOf(holder) as object | null;
  }
}

/** Whether this is `Object.prototype`, of any realm: what a library has added to it is no option. */
function isRootPrototype(holder: object): boolean {
  return Object.getPrototypeOf(holder) === null && isOwn(holder, 'hasOwnProperty');
}

function unknownOption(call: string, name: string, { names, elsewhere }: KnownOptions): TypeError {
  const instead = isOwn(elsewhere, name) ? elsewhere[name] : undefined;
  const advice = instead === undefined ? nearest(name, names) : `use ${instead}`;
  return new TypeError(`${call}() has no option ${quote(name)}: ${advice}`);
}

/** Names the option that was probably meant; all of them, the nearest first, if none is like it. */
function nearest(name: string, names: readonly string[]): string {
  const distance = (known: string) => editDistance(name.toLowerCase(), known.toLowerCase());
  const sorted = [...names].sort((a, b) => distance(a) - distance(b));
  const [first] = sorted;
  if (first === undefined) return 'it has none';
  if (distance(first) <= Math.max(2, name.length / 3)) return `did you mean ${quote(first)}?`;
  return `it has ${sorted.map(quote).join(', ')}`;
}

function isOwn(holder: object, name: string): boolean {
  return Object.getOwnPropertyDescriptor(holder, name) !== undefined;
}
