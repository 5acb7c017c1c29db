import { closeSync, openSync, readSync } from 'fs';

const STATUS = '/proc/self/status';
/** The umask is in the second line; the first has the process's name, 64 bytes with all of them escaped. */
const START_SIZE = 128;
const UMASK_LINE = /^Name:.*\nUmask:\t([0-7]+)\n/;

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
    const size = readSync(descriptor, start, 0, START_SIZE, 0);
    const [, digits] = UMASK_LINE.exec(start.toString('latin1', 0, size)) ?? [];
    return digits === undefined ? null : parseInt(digits, 8);
  } catch {
    return null;
  }
}
