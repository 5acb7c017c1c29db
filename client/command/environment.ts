import { type Bytes, toBytes } from '../bytes';
import { quote } from '../escape';
import { runtime } from '../runtime';

const EQUALS_SIGN = '='.charCodeAt(0);
/** As many bytes as the largest number has digits. */
const PID_ROOM = Buffer.alloc(10, '0');

/**
 * The environment that a command is given. Until it is changed it is the client's, at the moment of each
 * spawn; the first change takes a copy of the client's, which the later ones work on.
 */
export class Environment {
  /** Entries `KEY=value` by key. A key is one character for each of its bytes, as it need not be UTF-8. */
  private variables: Map<string, Buffer> | null = null;
  /** The values of `variables`, once they were asked for and until they change. */
  private list: readonly Buffer[] | null = null;
  /** Keys of the variables whose value is the pid of the child, who puts it in place of `PID_ROOM`. */
  private readonly pidKeys = new Set<string>();

  set(key: Bytes, value: Bytes): void {
    const keyBytes = toKey(key);
    const valueBytes = toBytes(value, 'value');
    this.put(keyBytes, valueBytes);
  }

  /** Sets a variable to the pid of the child. */
  setPid(key: Bytes): void {
    this.pidKeys.add(this.put(toKey(key), PID_ROOM));
  }

  remove(key: Bytes): void {
    const keyText = toKey(key).toString('latin1');
    this.own().delete(keyText);
    this.list = null;
    this.pidKeys.delete(keyText);
  }

  clear(): void {
    this.variables = new Map();
    this.list = null;
    this.pidKeys.clear();
  }

  /**
   * The entries, `KEY=value`, in the order in which the variables were first set: the same list as before where they are
   * the same. Throws a TypeError where the client's cannot be passed on.
   */
  entries(): readonly Buffer[] {
    if (this.variables === null) return clientEntries();
    this.list ??= [...this.variables.values()];
    return this.list;
  }

  /** Indexes in `entries` of the variables that are to hold the pid of the child, in order. */
  pidIndexes(): number[] {
    if (this.variables === null || this.pidKeys.size === 0) return [];
    const keys = [...this.variables.keys()];
    return keys.map((_, index) => index).filter(index => this.pidKeys.has(keys[index]!));
  }

  /** Returns the key as it is in `variables`. */
  private put(key: Buffer, value: Buffer): string {
    const keyText = key.toString('latin1');
    this.own().set(keyText, joinEntry(key, value));
    this.list = null;
    this.pidKeys.delete(keyText);
    return keyText;
  }

  private own(): Map<string, Buffer> {
    if (this.variables === null) {
      this.variables = new Map();
      for (const entry of clientEntries()) {
        const key = entry.toString('latin1', 0, entry.indexOf(EQUALS_SIGN));
        this.variables.set(key, entry);
      }
    }
    return this.variables;
  }
}

/** The client's environment as it was last found: seldom does it change between two spawns. */
let knownKeys: readonly string[] = [];
let knownValues: readonly unknown[] = [];
let knownEntries: readonly Buffer[] = [];

function clientEntries(): readonly Buffer[] {
  const { env } = process;
  // Object.keys would ask the runtime about every key once more, whether it is enumerable; they all are.
  const keys = Object.getOwnPropertyNames(env);
  // Its order is another one each time.
  if (runtime === 'deno') keys.sort();
  if (isKnown(env, keys)) return knownEntries;
  const values = keys.map(key => env[key]);
  knownEntries = toEntries(keys, values);
  knownKeys = keys;
  knownValues = values;
  return knownEntries;
}

/** The values are asked for by the keys that are known: the runtime has to look up first the strings that it has just made. */
function isKnown(env: NodeJS.ProcessEnv, keys: readonly string[]): boolean {
  if (keys.length !== knownKeys.length) return false;
  for (let index = 0; index < keys.length; index++) {
    const key = knownKeys[index]!;
    if (keys[index] !== key || env[key] !== knownValues[index]) return false;
  }
  return true;
}

function toEntries(keys: readonly string[], values: readonly unknown[]): Buffer[] {
  const entries: Buffer[] = [];
  keys.forEach((key, index) => {
    const value = values[index];
    // Some runtimes have names for variables that are not set.
    if (value === undefined) return;
    // Where the program has put an object of its own in the place of `process.env`.
    if (`${key}${value}`.includes('\0'))
      throw new TypeError(`process.env[${quote(key)}] must not contain a NUL`);
    entries.push(Buffer.from(`${key}=${value}`, 'utf8'));
  });
  return entries;
}

function toKey(key: Bytes): Buffer {
  const bytes = toBytes(key, 'key');
  if (bytes.length === 0) throw new TypeError('key must not be empty');
  if (bytes.includes(EQUALS_SIGN)) throw new TypeError("key must not contain '='");
  return bytes;
}

function joinEntry(key: Buffer, value: Buffer): Buffer {
  return Buffer.concat([key, Buffer.of(EQUALS_SIGN), value]);
}
