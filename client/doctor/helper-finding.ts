import type { UnshareError } from '../error/error';
import type { unshare } from '../messages';
import { type Finding, limited, missing, ok } from './finding';

const NAME = 'helper';

/** What the helper says for `unsealedReason` where it keeps an AppArmor profile. */
export const KEEPS_PROFILE = 'apparmor';

/** `path` is that of the helper's program, or null where it cannot be told any more. */
export function helperFinding(path: string | null, hello: unshare.v1.Hello): Finding {
  const what = `${path ?? 'a file that is gone'}, version ${hello.version}, protocol ${hello.protocol}`;
  if (hello.sealed) return ok(NAME, `${what}, runs from a sealed copy`);
  if (hello.unsealedReason === KEEPS_PROFILE) {
    return ok(NAME, `${what}, runs from its file, to which an AppArmor profile is attached`);
  }
  return limited(
    NAME,
    `${what}, runs from its file: it could not make a sealed copy (${hello.unsealedReason})`,
    'let no program that you start write to that file, or allow memfd_create and execveat',
  );
}

export function noHelperFinding(error: UnshareError): Finding {
  return missing(NAME, error.message, adviceFor(error));
}

function adviceFor({ path, code, hint }: UnshareError): string {
  // The identity of the client, and what the runtime could not do.
  if (path === null) return 'do what the message asks for, and try again';
  if (hint !== null) return 'build the helper for this architecture, and name it in UNSHARE_HELPER';
  switch (code) {
    case 'ENOENT':
      return 'install the package again, or name the helper in the environment variable UNSHARE_HELPER';
    case 'EACCES':
      return 'make the file executable (chmod 755), on a file system that is not mounted noexec';
    default:
      return `install the package again, for ${process.arch}, so that helper and client belong together`;
  }
}
