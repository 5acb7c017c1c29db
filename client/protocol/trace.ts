import { debuglog, types } from 'util';
import { displayBytes } from '../bytes';
import { escapeUnprintable } from '../escape';

/** Sees each message: `>` to the helper, `<` from it. */
export type Trace = (direction: '>' | '<', message: object) => void;

/** `NODE_DEBUG=unshare`, as for the modules of Node (`util.debuglog`). */
const log = debuglog('unshare');
// Node before 14.9 does not say.
const isEnabled: boolean = log.enabled ?? /\b(unshare|\*)/i.test(process.env.NODE_DEBUG ?? '');

/** What writes each message as one line to standard error; null where nobody wants that. */
export function tracer(helper: () => number | string | null): Trace | null {
  if (!isEnabled) return null;
  return (direction, message) => log('helper %s %s %s', helper(), direction, describe(message));
}

/** The name of the message, and what is in it that is not a default. */
function describe(message: object): string {
  const [name = '', body = {}] = Object.entries(message).find(([, value]) => value !== null) ?? [];
  return escapeUnprintable(`${name} ${JSON.stringify(body, show)}`);
}

function show(this: Record<string, unknown>, key: string, shown: unknown): unknown {
  // Buffers and long numbers have made something else of themselves already.
  const value = this[key];
  // It may hold secrets.
  if (key === 'environment') return `${(value as unknown[]).length} variables`;
  if (types.isUint8Array(value)) return displayBytes(value);
  if (typeof value === 'object' && value !== null && 'unsigned' in value) return `${value}`;
  if (isDefault(value) && !Array.isArray(this)) return undefined;
  return shown;
}

function isDefault(value: unknown): boolean {
  return (
    value === null ||
    value === 0 ||
    value === '' ||
    value === false ||
    (Array.isArray(value) && value.length === 0)
  );
}
