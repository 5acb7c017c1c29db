import { randomBytes } from 'crypto';
import { closeSync, constants, openSync, unlinkSync } from 'fs';
import { tmpdir } from 'os';
import { join } from 'path';
import { errnoOf } from '../error/errno';
import { UnshareError } from '../error/error';

const { O_RDWR, O_CREAT, O_EXCL, O_DIRECTORY } = constants;

/** `man 2 open`: the same on every architecture of the helper but for O_DIRECTORY, which is part of it. */
const O_TMPFILE = 0o20000000 | O_DIRECTORY;

const MODE = 0o600;

/** In memory where that is possible. */
const directories = () => ['/dev/shm', tmpdir()];

/**
 * A file that has no name, which nobody but this process and those that inherit it can open. Throws at the stage `Helper`
 * where there is no place for one.
 */
export function openUnlinkedFile(): number {
  let cause: unknown;
  for (const directory of directories()) {
    try {
      return openSync(directory, O_TMPFILE | O_RDWR, MODE);
    } catch {
      // Not on every file system; and some directories are missing.
    }
    try {
      return openAndUnlink(join(directory, `unshare-${randomBytes(16).toString('hex')}`));
    } catch (error) {
      cause = error;
    }
  }
  throw new UnshareError({
    stage: 'Helper',
    errno: errnoOf(cause),
    syscall: 'open',
    doing: `cannot make a file for the command in ${directories().join(' or ')}`,
    cause,
  });
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
