import { type Bytes, toBytes } from './bytes';

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
    this.pidKeys.delete(keyText);
  }

  clear(): void {
    this.variables = new Map();
    this.pidKeys.clear();
  }

  /** The entries, `KEY=value`, in the order in which the variables were first set. */
  entries(): Buffer[] {
    return this.variables === null ? clientEntries() : [...this.variables.values()];
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

interface ClientVariable {
  value: string;
  entry: Buffer;
}

/** The entries made last of the client's environment, which seldom changes between two spawns, by key. */
const known = new Map<string, ClientVariable>();

function clientEntries(): Buffer[] {
  const entries: Buffer[] = [];
  for (const key of Object.keys(process.env)) {
    const value = process.env[key] ?? '';
    let variable = known.get(key);
    if (variable?.value !== value) {
      variable = { value, entry: Buffer.from(`${key}=${value}`, 'utf8') };
      known.set(key, variable);
    }
    entries.push(variable.entry);
  }
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
