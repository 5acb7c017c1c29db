import { errnoOf } from './errno';
import { UnshareError } from './error';

const SLASH = '/'.charCodeAt(0);

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

/**
 * Where the working directory of a command has to start, or null where the helper, which was started in
 * `helperDirectory`, is there already. Throws at the stage `Chdir` where that is needed and cannot be named.
 */
export function startDirectory(
  current: WorkingDirectory,
  helperDirectory: WorkingDirectory,
  currentDir: Uint8Array | null,
): string | null {
  const helperPath = 'path' in helperDirectory ? helperDirectory.path : null;
  if ('path' in current) return current.path === helperPath ? null : current.path;
  if (helperPath === null || currentDir?.[0] === SLASH) return null;
  throw new UnshareError({
    stage: 'Chdir',
    errno: errnoOf(current.error),
    syscall: 'getcwd',
    item: 'working directory',
    doing: "cannot start in the client's working directory",
    cause: current.error,
  });
}
