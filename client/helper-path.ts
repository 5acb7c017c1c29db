import { accessSync, constants } from 'fs';
import { join, resolve, sep } from 'path';
import { errnoOf } from './errno';
import { UnshareError } from './error';

/** Environment variable with the path of the helper. */
const PATH_VARIABLE = 'UNSHARE_HELPER';

/** What `process.arch` may be for the package to have a helper. */
const ARCHITECTURES = ['x64', 'arm64', 'arm', 'riscv64'];

/** A place for the helper, and who named it. */
interface Place {
  path: string;
  namedBy: string;
}

/**
 * Returns the path of the helper: `explicit`, else what UNSHARE_HELPER names, else the one in the package. A
 * place that was named is the only one tried. Throws at the stage `Helper`, with the place, where there is no
 * program.
 */
export function findHelper(explicit: string | null): string {
  if (process.platform !== 'linux') {
    throw new UnshareError({
      stage: 'Helper',
      doing: `commands can be started on Linux only, and this is ${process.platform}`,
    });
  }
  const place = helperPlace(explicit);
  try {
    accessSync(place.path, constants.X_OK);
    return place.path;
  } catch (error) {
    throw unusable(place, error);
  }
}

function helperPlace(explicit: string | null): Place {
  if (explicit !== null) return { path: resolve(explicit), namedBy: 'the option `path`' };
  const fromEnvironment = process.env[PATH_VARIABLE];
  if (fromEnvironment) {
    return { path: resolve(fromEnvironment), namedBy: `the environment variable ${PATH_VARIABLE}` };
  }
  return { path: packagedHelper(__dirname, process.arch), namedBy: 'the package `unshare`' };
}

/** Where the package has its helper, given the directory of the compiled client. */
export function packagedHelper(clientDirectory: string, architecture: string): string {
  const path = join(clientDirectory, '..', 'helper', architecture, 'unshare-helper');
  // Electron keeps an application in one file, app.asar, and beside it what the kernel has to find as a file.
  return path
    .split(sep)
    .map(component => (component === 'app.asar' ? 'app.asar.unpacked' : component))
    .join(sep);
}

function unusable(place: Place, cause: unknown): UnshareError {
  return new UnshareError({
    stage: 'Helper',
    errno: errnoOf(cause),
    syscall: 'access',
    path: place.path,
    doing: `cannot use the helper ${JSON.stringify(place.path)}, which ${place.namedBy} names`,
    hint: ARCHITECTURES.includes(process.arch)
      ? null
      : `the package has helpers for ${ARCHITECTURES.join(', ')}, and this is ${process.arch}`,
    cause,
  });
}
