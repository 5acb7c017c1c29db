import {
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  mkdirSync,
  openSync,
  realpathSync,
  type Stats,
} from 'fs';
import { dirname, join } from 'path';
import { quote } from '../escape';

const { O_RDONLY, O_DIRECTORY, O_NOFOLLOW } = constants;

/** What users other than the owner may write to. */
const WRITABLE_BY_OTHERS = 0o022;
/** In such a directory, nobody but the owner removes or renames a file. */
const STICKY = 0o1000;

/**
 * Returns the path of a directory called `name` in the directory `parent`, which nobody but this user (and root) can
 * read, write, rename or replace; the path has no symbolic link in it. It is made where it is missing, and `parent` too.
 *
 * Throws an Error that says what is wrong where there is no such directory and none can be made: a name in a directory
 * that everybody can write to may be somebody else's.
 */
export function privateDirectory(parent: string, name: string): string {
  makeDirectory(parent);
  const real = realpathSync(parent);
  checkUnreplaceable(real);
  const directory = join(real, name);
  makeDirectory(directory);
  checkPrivate(directory);
  return directory;
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, 0o700);
  } catch (error) {
    // Where the file system is read-only, the kernel says so before it looks whether the directory is there.
    if (!isDirectory(directory)) throw error;
  }
}

function isDirectory(path: string): boolean {
  try {
    return lstatSync(realpathSync(path)).isDirectory();
  } catch {
    return false;
  }
}

/**
 * Throws where another user than root could put something else in the place of `directory` or of one that it is in. From
 * the root down: what was found of one cannot have changed when the next is looked at.
 */
function checkUnreplaceable(directory: string): void {
  const parent = dirname(directory);
  if (parent !== directory) checkUnreplaceable(parent);
  const status = lstatSync(directory);
  if (!status.isDirectory()) throw new Error(`${quote(directory)} is no directory`);
  // Who owns the root directory owns all; in a user namespace, root itself may be seen as nobody.
  if (parent !== directory && status.uid !== 0 && status.uid !== process.geteuid!()) {
    throw new Error(`${quote(directory)} belongs to user ${status.uid}`);
  }
  if ((status.mode & WRITABLE_BY_OTHERS) !== 0 && (status.mode & STICKY) === 0) {
    throw new Error(`others can write to ${quote(directory)}, whose mode is ${modeOf(status)}`);
  }
}

function checkPrivate(directory: string): void {
  let opened: number;
  try {
    opened = openSync(directory, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (lstatSync(directory).isSymbolicLink()) throw new Error(`${quote(directory)} is a symbolic link`);
    throw error;
  }
  try {
    const status = fstatSync(opened);
    if (status.uid !== process.geteuid!())
      throw new Error(`${quote(directory)} belongs to user ${status.uid}`);
    if ((status.mode & 0o777) !== 0o700) {
      throw new Error(`${quote(directory)} has the mode ${modeOf(status)}, not 0700`);
    }
  } finally {
    closeSync(opened);
  }
}

function modeOf(status: Stats): string {
  return (status.mode & 0o7777).toString(8).padStart(4, '0');
}
