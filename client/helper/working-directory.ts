import { isAbsolute, pathInside } from '../command/path-components';
import type { SpawnRequest } from '../command/spawn-request';
import { errnoOf } from '../error/errno';
import { UnshareError, type UnshareErrorFields } from '../error/error';

/** What is known of the client's working directory at one moment. */
export type WorkingDirectory = { readonly path: string } | { readonly error: unknown };

/** The client's working directory now. It cannot be named once it was removed. */
export function workingDirectory(): WorkingDirectory {
  try {
    return { path: process.cwd() };
  } catch (error) {
    return { error };
  }
}

/** What decides where the working directory of a command starts. */
export type StartRequest = Pick<SpawnRequest, 'currentDir' | 'pivotRoot' | 'chrootDir' | 'joins'>;

/**
 * Where the working directory of a command starts, or null where that does not matter, or is where the
 * helper is, which was started in `helperDirectory`. `current` is that of the client.
 *
 * With new roots it is a path inside them: the client's directory without the path of the root in front, or
 * `/` where it is outside; the crate's rule. Throws at the stage `Chdir` where the client's directory is
 * needed and cannot be named.
 */
export function startDirectory(
  current: WorkingDirectory,
  helperDirectory: WorkingDirectory,
  command: StartRequest,
): Buffer | null {
  if (command.currentDir !== null && isAbsolute(command.currentDir)) return null;
  const roots: Uint8Array[] = [];
  if (command.pivotRoot !== null) roots.push(command.pivotRoot.newRoot);
  // Inside the pivoted one.
  if (command.chrootDir !== null) roots.push(command.chrootDir);
  const joinsMount = command.joins.some(({ namespace }) => namespace === 'mount');
  if (roots.length > 0 || joinsMount) return insideRoots(current, roots);
  return outsideRoots(current, helperDirectory);
}

/** With another mount namespace, the same path may be another directory: it has to be looked up there. */
function insideRoots(current: WorkingDirectory, roots: readonly Uint8Array[]): Buffer {
  const top = Buffer.from('/');
  const start = 'path' in current ? Buffer.from(current.path, 'utf8') : top;
  return roots.reduce<Buffer>((path, root) => pathInside(path, root) ?? top, start);
}

function outsideRoots(current: WorkingDirectory, helperDirectory: WorkingDirectory): Buffer | null {
  const helperPath = 'path' in helperDirectory ? helperDirectory.path : null;
  if ('path' in current) return current.path === helperPath ? null : Buffer.from(current.path, 'utf8');
  if (helperPath === null) return null;
  throw new UnshareError({
    ...unnamed(current.error),
    stage: 'Chdir',
    item: 'working directory',
    doing: "cannot start in the client's working directory",
  });
}

/**
 * `path` as an absolute one, where a relative one starts at the client's working directory. Throws with
 * `failure`, which says what it is the path of, where that cannot be named.
 */
export function resolvePath(
  path: Uint8Array,
  current: WorkingDirectory,
  failure: Pick<UnshareErrorFields, 'stage' | 'item' | 'path' | 'doing'>,
): Uint8Array {
  if (isAbsolute(path)) return path;
  if ('path' in current) return Buffer.concat([Buffer.from(`${current.path}/`, 'utf8'), path]);
  throw new UnshareError({
    ...unnamed(current.error),
    ...failure,
    reason: "it starts at the client's working directory, which has no name",
  });
}

/** Why the client's working directory has no name. */
function unnamed(cause: unknown) {
  return { errno: errnoOf(cause), syscall: 'getcwd', cause };
}
