import { accessSync, constants, statSync } from 'fs';
import { resolve } from 'path';
import { Errno } from '../error/errno';
import { UnshareError } from '../error/error';
import { quote } from '../escape';

/** What a path leads to: a program, a file that must not be executed, or no file. */
export type Lookup = 'program' | 'not executable' | 'missing';

/** What `path` leads to. A directory is no program. */
export function lookUp(path: string): Lookup {
  try {
    if (!statSync(path).isFile()) return 'missing';
  } catch {
    return 'missing';
  }
  try {
    accessSync(path, constants.X_OK);
    return 'program';
  } catch {
    return 'not executable';
  }
}

/** Where `Command.find` looks. */
export interface FindOptions {
  /**
   * The directories: a list, or a string with colons between them. Relative ones start at the working directory. Default:
   * the absolute directories of `process.env.PATH`.
   */
  path?: string | readonly string[];
}

/** The absolute path of the program `name`; see `Command.find`. */
export function findInPath(name: string, options: FindOptions): string {
  if (typeof name !== 'string') throw new TypeError('name must be a string');
  if (name === '' || name.includes('\0')) throw new TypeError('name must not be empty or contain a NUL');
  const candidates = name.includes('/')
    ? [name]
    : directories(options).map(directory => `${directory}/${name}`);
  const paths = candidates.map(candidate => resolve(candidate));
  const found = paths.map(lookUp);
  const index = found.indexOf('program');
  if (index >= 0) return paths[index]!;
  throw notFound(name, paths, found);
}

function directories({ path }: FindOptions): string[] {
  if (path === undefined) {
    // A directory that depends on where the client happens to be may hold anybody's programs.
    return (process.env.PATH ?? '').split(':').filter(directory => directory.startsWith('/'));
  }
  const list = typeof path === 'string' ? path.split(':') : path;
  if (!Array.isArray(list) || !list.every(directory => typeof directory === 'string')) {
    throw new TypeError('options.path must be a string or a list of strings');
  }
  return list.filter(directory => directory !== '');
}

function notFound(name: string, paths: readonly string[], found: readonly Lookup[]): UnshareError {
  const denied = paths.filter((_, index) => found[index] === 'not executable');
  const shown = (list: readonly string[]) => list.map(path => quote(path)).join(', ');
  const looked =
    paths.length === 0 ? 'there is no absolute directory to look in' : `looked for ${shown(paths)}`;
  return new UnshareError({
    stage: 'Exec',
    errno: denied.length > 0 ? Errno.EACCES : Errno.ENOENT,
    item: name,
    path: denied[0] ?? null,
    doing: `cannot find the program ${quote(name)}`,
    hint: denied.length > 0 ? `${shown(denied)} is not executable; ${looked}` : looked,
  });
}
