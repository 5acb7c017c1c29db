import { resolve } from 'path';
import { lookUp } from '../command/find';
import { Errno } from '../error/errno';

/** Where execvp(3) looks when there is no PATH, in glibc. */
const DEFAULT_PATH = '/bin:/usr/bin';

/** Why a program was not found: nowhere, or only where it must not be executed. */
export type NotFound = typeof Errno.ENOENT | typeof Errno.EACCES;

/**
 * The path of a program as `man 3 execvp` finds it: `name` itself where it has a slash, else the first match
 * in the directories of `searchPath`. Relative ones start at `directory`. Directories are no match.
 */
export function findProgram(
  name: string,
  searchPath: string | undefined,
  directory: string,
): string | NotFound {
  if (name.includes('/')) return name;
  let reason: NotFound = Errno.ENOENT;
  for (const component of (searchPath ?? DEFAULT_PATH).split(':')) {
    // An empty component is the working directory.
    const candidate = `${component === '' ? '.' : component}/${name}`;
    const path = resolve(directory, candidate);
    const found = lookUp(path);
    if (found === 'program') return candidate;
    if (found === 'not executable') reason = Errno.EACCES;
  }
  return reason;
}
