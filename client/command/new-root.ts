import { type Path, toPath } from '../path';
import { isAbsolute, leadsUp, pathInside } from './path-components';
import type { PivotRootRequest } from './spawn-request';

/** The root directories that a command is given, one inside the other. */
export class NewRoot {
  private pivoted: PivotRootRequest | null = null;
  private chrootDir: Buffer | null = null;

  pivot(newRoot: Path, putOld: Path, unmount: boolean): void {
    const newRootBytes = toAbsolute(newRoot, 'newRoot');
    const putOldBytes = toAbsolute(putOld, 'putOld');
    // Where `..` leads, the names do not tell.
    if (leadsUp(newRootBytes)) throw new TypeError("newRoot must not contain '..'");
    if (leadsUp(putOldBytes)) throw new TypeError("putOld must not contain '..'");
    if (pathInside(putOldBytes, newRootBytes) === null) throw new TypeError('putOld must be inside newRoot');
    if (typeof unmount !== 'boolean') throw new TypeError('unmount must be a boolean');
    this.pivoted = { newRoot: newRootBytes, putOld: putOldBytes, unmount };
  }

  chroot(directory: Path): void {
    this.chrootDir = toAbsolute(directory, 'chrootDir');
  }

  request() {
    return { pivotRoot: this.pivoted, chrootDir: this.chrootDir };
  }
}

function toAbsolute(path: Path, name: string): Buffer {
  const bytes = toPath(path, name);
  if (!isAbsolute(bytes)) throw new TypeError(`${name} must be an absolute path`);
  return bytes;
}
