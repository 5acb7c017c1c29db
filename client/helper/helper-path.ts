import { accessSync, constants, readFileSync } from 'fs';
import { join, resolve } from 'path';
import { types } from 'util';
import { errnoOf } from '../error/errno';
import { UnshareError } from '../error/error';
import { quote } from '../escape';
import { packageDirectory } from '../package-directory';
import { type Archived, archived } from './asar';
import { elfMachine } from './elf';

/** Environment variable with the path of the helper. */
const PATH_VARIABLE = 'UNSHARE_HELPER';

/** What `process.arch` may be for the package to have a helper, and `e_machine` of its file (`man 5 elf`). */
const MACHINES = new Map([
  ['x64', 62],
  ['arm64', 183],
  ['arm', 40],
  ['riscv64', 243],
]);

const UNPACKING =
  'the package is in an archive, and the kernel starts no program from there: have the helper unpacked, with ' +
  '"asarUnpack": ["**/node_modules/unshare/dist/helper/**"] in the configuration of electron-builder, or with ' +
  'asar: { unpack: "unshare-helper" } in the packagerConfig of Electron Forge or the options of @electron/packager';

const SEPARATED =
  'the client is not where its package was installed, as in a bundle or a single-file program: bring the helper along, ' +
  'and name it by `UNSHARE_HELPER`, `new Helper({ path })` or `Helper.install`';

/** A place for the helper, and who named it. */
interface Place {
  path: string;
  namedBy: string;
}

/**
 * Returns the path of the helper: `explicit`, else what UNSHARE_HELPER names, else the one in the package, or a copy of
 * it in a private directory where it cannot be executed in the package. A place that was named is the only one tried.
 * Throws at the stage `Helper`, with the places, where there is no program.
 */
export function findHelper(explicit: string | null): string {
  checkPlatform();
  if (explicit !== null) return namedHelper(resolve(explicit), 'the option `path`');
  const fromEnvironment = process.env[PATH_VARIABLE];
  if (fromEnvironment) {
    return namedHelper(resolve(fromEnvironment), `the environment variable ${PATH_VARIABLE}`);
  }
  return packagedHelper();
}

/** Keeps `program` in a private directory, for `Helper.install`. */
export function installHelper(program: Uint8Array): string {
  if (!types.isUint8Array(program)) throw new TypeError('program must be a Uint8Array');
  checkPlatform();
  const machine = MACHINES.get(process.arch);
  if (elfMachine(program) !== machine) {
    throw new RangeError(`program must be the contents of a helper for ${process.arch}`);
  }
  try {
    return keep(program);
  } catch (cause) {
    throw new UnshareError({
      stage: 'Helper',
      doing: 'cannot keep the helper in a private directory',
      reason: (cause as Error).message,
      cause,
    });
  }
}

function checkPlatform(): void {
  if (process.platform === 'linux') return;
  throw new UnshareError({
    stage: 'Helper',
    doing: `commands can be started on Linux only, and this is ${process.platform}`,
  });
}

function namedHelper(path: string, namedBy: string): string {
  const place = { path, namedBy };
  try {
    accessSync(path, constants.X_OK);
    return path;
  } catch (cause) {
    throw unusable(place, cause);
  }
}

function packagedHelper(): string {
  const packed = join(packageDirectory, 'helper', process.arch, 'unshare-helper');
  const archive = archived(packed);
  const place = { path: archive?.unpacked ?? packed, namedBy: 'the package `unshare`' };
  try {
    accessSync(place.path, constants.X_OK);
    return place.path;
  } catch (cause) {
    // Installing lost its mode, or it is mounted noexec; the kernel says the same of both, to root too.
    if ((cause as NodeJS.ErrnoException).code === 'EACCES') return executableCopy(place, cause);
    throw unusable(place, cause, missingHint(archive));
  }
}

function executableCopy(place: Place, cause: unknown): string {
  let program: Buffer;
  try {
    program = readFileSync(place.path);
  } catch {
    throw unusable(place, cause);
  }
  try {
    return keep(program);
  } catch (error) {
    const hint = `nor can a copy that is executable be kept in a private directory: ${(error as Error).message}`;
    throw unusable(place, cause, hint);
  }
}

function keep(program: Uint8Array): string {
  // Loaded here: few programs need it.
  const { keepProgram } = require('./helper-cache') as typeof import('./helper-cache');
  return keepProgram(program);
}

function missingHint(archive: Archived | null): string {
  if (!MACHINES.has(process.arch)) {
    return `the package has helpers for ${[...MACHINES.keys()].join(', ')}, and this is ${process.arch}`;
  }
  return archive === null ? SEPARATED : UNPACKING;
}

function unusable(place: Place, cause: unknown, hint: string | null = null): UnshareError {
  const errno = errnoOf(cause);
  return new UnshareError({
    stage: 'Helper',
    errno,
    syscall: 'access',
    path: place.path,
    doing: `cannot use the helper ${quote(place.path)}, which ${place.namedBy} names`,
    // A permission that Deno was not given, for instance.
    reason: errno === null ? (cause as Error).message : null,
    hint: errno === null ? null : hint,
    cause,
  });
}
