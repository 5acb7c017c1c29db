import { closeSync, openSync, readSync } from 'fs';

const STATUS = '/proc/self/status';
/** The umask is in the second line; the first has the process's name, 64 bytes with all of them escaped. */
const START_SIZE = 128;
const NEWLINE = '\n'.charCodeAt(0);
const ZERO = '0'.charCodeAt(0);
const SEVEN = '7'.charCodeAt(0);
const NAME = Buffer.from('Name:');
const UMASK = Buffer.from('Umask:\t');

const start = Buffer.alloc(START_SIZE);
let status: number | null = null;

/**
 * The client's umask, or null where it cannot be read: without /proc, before Linux 4.7, or where the runtime does
 * not permit it. Then that of the helper holds, which is the client's at the helper's start.
 *
 * Not by `process.umask()`: to read the umask, that sets it to 0 for a moment (man 2 umask), and a file that another
 * thread creates in that moment is everybody's to write (Node's DEP0139).
 */
export function currentUmask(): number | null {
  // The open file is kept: opening it every time would take three times as long.
  const kept = status === null ? null : readUmask(status);
  if (kept !== null) return kept;
  // Again where somebody has closed the descriptor, and another file may have its number: that one is not ours.
  status = null;
  let opened: number;
  try {
    opened = openSync(STATUS, 'r');
  } catch {
    return null;
  }
  const umask = readUmask(opened);
  // One that does not tell is not kept: the next spawn would open another.
  if (umask === null) closeSync(opened);
  else status = opened;
  return umask;
}

function readUmask(descriptor: number): number | null {
  try {
    return parseUmask(readSync(descriptor, start, 0, START_SIZE, 0));
  } catch {
    return null;
  }
}

/** The umask in the first `size` bytes of `start`; by hand, since every spawn reads it. */
function parseUmask(size: number): number | null {
  if (!hasAt(NAME, 0)) return null;
  const line = start.indexOf(NEWLINE) + 1;
  if (line === 0 || !hasAt(UMASK, line)) return null;
  const first = line + UMASK.length;
  let umask = 0;
  for (let at = first; at < size; at += 1) {
    const byte = start[at]!;
    if (byte === NEWLINE) return at > first ? umask : null;
    if (byte < ZERO || byte > SEVEN) return null;
    umask = umask * 8 + byte - ZERO;
  }
  return null;
}

function hasAt(text: Buffer, position: number): boolean {
  for (let index = 0; index < text.length; index += 1) {
    if (start[position + index] !== text[index]) return false;
  }
  return true;
}
