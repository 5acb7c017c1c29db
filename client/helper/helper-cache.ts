import { createHash, randomBytes } from 'crypto';
import {
  accessSync,
  closeSync,
  constants,
  fchmodSync,
  fstatSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'fs';
import { homedir, tmpdir } from 'os';
import { isAbsolute, join } from 'path';
import { quote } from '../escape';
import { privateDirectory } from './private-directory';

const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK, X_OK } = constants;

const MODE = 0o700;

/**
 * Keeps `program` as an executable file that nobody but this user can write to, and whose name has the hash of its
 * contents, and returns its path. A file that is there already is used only if it has exactly these contents, whoever
 * wrote it; otherwise it is replaced.
 *
 * Throws an Error that names every place that was tried, and what is wrong with it.
 */
export function keepProgram(program: Uint8Array): string {
  const name = `unshare-helper-${createHash('sha256').update(program).digest('hex')}`;
  const refusals: string[] = [];
  for (const [parent, directoryName] of places()) {
    try {
      const file = join(privateDirectory(parent, directoryName), name);
      if (!isIntact(file, program)) {
        write(file, program);
        // A file system that has no owners and modes makes of them what it likes.
        if (!isIntact(file, program)) throw new Error('the file that was written is not what was written');
      }
      checkExecutable(file);
      return file;
    } catch (error) {
      refusals.push(`not in ${quote(join(parent, directoryName))}: ${(error as Error).message}`);
    }
  }
  throw new Error(refusals.join('; '));
}

/** Directories that a private one can be in, with the name that it has there. */
function places(): [parent: string, name: string][] {
  const found: [string, string][] = [[tmpdir(), `unshare-${process.geteuid!()}`]];
  const cache = cacheDirectory();
  if (cache !== null) found.unshift([cache, 'unshare']);
  return found;
}

/** The user's, by the XDG Base Directory Specification, or null where nothing says where that is. */
function cacheDirectory(): string | null {
  const { XDG_CACHE_HOME, HOME } = process.env;
  if (XDG_CACHE_HOME && isAbsolute(XDG_CACHE_HOME)) return XDG_CACHE_HOME;
  try {
    // Bun's `homedir` does not see what the program has set.
    return join(HOME || homedir(), '.cache');
  } catch {
    // Users of containers often have neither HOME nor an entry in /etc/passwd.
    return null;
  }
}

/** Asked of the file that was opened: the name may lead to another one by then. */
function isIntact(file: string, program: Uint8Array): boolean {
  let opened: number;
  try {
    opened = openSync(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return false;
  }
  try {
    const status = fstatSync(opened);
    return (
      status.isFile() &&
      status.uid === process.geteuid!() &&
      (status.mode & 0o7777) === MODE &&
      status.size === program.length &&
      readFileSync(opened).equals(program)
    );
  } finally {
    closeSync(opened);
  }
}

/** All at once: other processes see no file or a whole one, and the last one that writes it wins. */
function write(file: string, program: Uint8Array): void {
  const temporary = `${file}.${randomBytes(8).toString('hex')}`;
  try {
    const opened = openSync(temporary, 'wx', MODE);
    try {
      writeFileSync(opened, program);
      // Whatever the umask is.
      fchmodSync(opened, MODE);
    } finally {
      closeSync(opened);
    }
    checkExecutable(temporary);
    renameSync(temporary, file);
  } catch (error) {
    try {
      unlinkSync(temporary);
    } catch {
      // It was not made, or the directory has become unusable.
    }
    throw error;
  }
}

function checkExecutable(file: string): void {
  try {
    accessSync(file, X_OK);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EACCES') throw error;
    throw new Error('its file system is mounted noexec');
  }
}
