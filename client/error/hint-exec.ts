import { closeSync, existsSync, openSync, readSync, type Stats, statSync } from 'fs';
import { quoteBytes } from '../bytes';
import { hasSlash, isAbsolute } from '../command/path-components';
import { elfInterpreter } from '../helper/elf';
import { Errno } from './errno';

/** As much of a file as the kernel looks at to tell what it is (`BINPRM_BUF_SIZE`). */
const HEAD_SIZE = 256;

/**
 * Why `man 2 execve` may have failed with `errno`. With `otherRoot`, paths lead elsewhere for the program
 * than for the client.
 */
export function execHint(errno: number, program: Uint8Array, otherRoot: boolean): string | null {
  if (errno === Errno.ENOEXEC) {
    return 'it may be a script without a #! line, or a program for another architecture';
  }
  if (errno === Errno.ENOENT && !hasSlash(program)) {
    return 'there is no search in PATH: the program has to be named by its path';
  }
  if (otherRoot) {
    return errno === Errno.ENOENT
      ? 'the program, and the interpreter or loader that it needs, are looked up inside the new root'
      : null;
  }
  // Others start at a directory that is the program's, not the client's.
  if (!isAbsolute(program)) return null;
  const path = Buffer.from(program);
  if (errno === Errno.ENOENT) return missingInterpreter(path);
  if (errno === Errno.EACCES) return notExecutable(statSync(path));
  return null;
}

function notExecutable(stats: Stats): string | null {
  if (stats.isDirectory()) return 'it is a directory';
  if (!stats.isFile()) return 'it is not a regular file';
  if ((stats.mode & 0o111) === 0) {
    return `nobody may execute it: its mode is ${(stats.mode & 0o7777).toString(8).padStart(4, '0')}`;
  }
  return null;
}

function missingInterpreter(path: Buffer): string | null {
  if (!statSync(path).isFile()) return null;
  const descriptor = openSync(path, 'r');
  try {
    const head = readAt(descriptor, 0, HEAD_SIZE);
    const script = scriptInterpreter(head);
    if (script !== null) return missing(script, 'its #! line names the interpreter');
    const loader = elfInterpreter((position, length) => readAt(descriptor, position, length));
    if (loader !== null) return missing(loader, 'it needs the dynamic loader');
    return null;
  } finally {
    closeSync(descriptor);
  }
}

function missing(path: Buffer, how: string): string | null {
  return existsSync(path) ? null : `it exists, but ${how} ${quoteBytes(path)}, which does not`;
}

/** The interpreter that a script's first line names (`man 2 execve`), or null where it is no script. */
function scriptInterpreter(head: Buffer): Buffer | null {
  const match = /^#![ \t]*([^ \t\n\0]+)/.exec(head.toString('latin1'));
  return match === null ? null : Buffer.from(match[1]!, 'latin1');
}

/** Reads up to `length` bytes from `position` on; fewer at the end of the file. */
function readAt(descriptor: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.subarray(0, readSync(descriptor, buffer, 0, length, position));
}
