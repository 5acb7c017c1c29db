import { hasSlash, isAbsolute } from '../command/path-components';
import { Errno } from './errno';
import { deniedHint, formatHint, missingHint } from './exec-file';

const UNKNOWN_FORMAT = 'it may be a script without a #! line, or a program for another architecture';

/**
 * Why `man 2 execve` may have failed with `errno`. With `otherRoot`, paths lead elsewhere for the program
 * than for the client.
 */
export function execHint(errno: number, program: Uint8Array, otherRoot: boolean): string | null {
  if (errno === Errno.ENOENT && !hasSlash(program)) {
    return 'there is no search in PATH: the program has to be named by its path';
  }
  if (errno === Errno.ELOOP) {
    return 'it may be a script whose interpreter is a script, and so on; or a symbolic link that leads to itself';
  }
  if (otherRoot) {
    if (errno === Errno.ENOEXEC) return UNKNOWN_FORMAT;
    return errno === Errno.ENOENT
      ? 'the program, and the interpreter or loader that it needs, are looked up inside the new root'
      : null;
  }
  // Others start at a directory that is the program's, not the client's.
  const path = isAbsolute(program) ? Buffer.from(program) : null;
  if (errno === Errno.ENOEXEC) return (path && tryLook(formatHint, path)) ?? UNKNOWN_FORMAT;
  if (path === null) return null;
  if (errno === Errno.ENOENT) return missingHint(path);
  if (errno === Errno.EACCES) return deniedHint(path);
  return null;
}

/** Null for a file that may be executed and not read. */
function tryLook(look: (path: Buffer) => string | null, path: Buffer): string | null {
  try {
    return look(path);
  } catch {
    return null;
  }
}
