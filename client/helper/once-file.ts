import { randomBytes } from 'crypto';
import { closeSync, constants, openSync, unlinkSync, writeSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { Errno, errnoOf } from '../error/errno';
import { UnshareError } from '../error/error';

const { O_RDWR, O_CREAT, O_EXCL, O_DIRECTORY } = constants;

/** `man 2 open`: the same on every architecture of the helper but for O_DIRECTORY, which is part of it. */
const O_TMPFILE = 0o20000000 | O_DIRECTORY;

const MODE = 0o600;

/** In memory where that is possible. */
const directories = () => ['/dev/shm', tmpdir()];

/**
 * A file that has no name, which nobody but this process and those that inherit it can open, with this content and its
 * offset at the start. Throws at the stage `Helper` where there is no place for one.
 */
export function openUnlinkedFile(content: Uint8Array): number {
  let cause: unknown;
  for (const directory of directories()) {
    let descriptor: number | null = null;
    try {
      descriptor = openIn(directory);
      writeAll(descriptor, content);
      return descriptor;
    } catch (error) {
      // Some directories are missing, and some are full: that of a container's memory is small.
      cause = error;
      if (descriptor !== null) closeSync(descriptor);
    }
  }
  const errno = errnoOf(cause);
  throw new UnshareError({
    stage: 'Helper',
    errno,
    // A permission that Deno was not given, for instance.
    reason: errno === null ? (cause as Error).message : null,
    syscall: (cause as NodeJS.ErrnoException).syscall ?? null,
    doing: `cannot make a file for the command in ${directories().join(' or ')}`,
    hint:
      errno === Errno.EFBIG
        ? 'the limit on the size of files (`ulimit -f`) is too low for a synchronous call; `output()` and `status()` need no file'
        : null,
    cause,
  });
}

function openIn(directory: string): number {
  try {
    return openSync(directory, O_TMPFILE | O_RDWR, MODE);
  } catch {
    // Not on every file system.
    return openAndUnlink(join(directory, `unshare-${randomBytes(16).toString('hex')}`));
  }
}

/** Without moving the offset, which the reader shares. */
function writeAll(file: number, bytes: Uint8Array): void {
  let position = 0;
  while (position < bytes.length) {
    position += writeSync(file, bytes, position, bytes.length - position, position);
  }
}

function openAndUnlink(path: string): number {
  const descriptor = openSync(path, O_RDWR | O_CREAT | O_EXCL, MODE);
  try {
    unlinkSync(path);
  } catch (error) {
    closeSync(descriptor);
    throw error;
  }
  return descriptor;
}
