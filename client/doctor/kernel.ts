import { type Finding, limited, ok } from './finding';
import type { Host } from './host';

/** The oldest kernel that this package is meant for. */
const OLDEST = [4, 18] as const;

export function kernelFinding({ kernel }: Host): Finding {
  const found = `Linux ${kernel}, ${process.arch}`;
  if (!isOlder(kernel)) return ok('kernel', found);
  return limited('kernel', found, `use Linux ${OLDEST.join('.')} or later`);
}

/** A release that cannot be read is not taken for an old one. */
function isOlder(release: string): boolean {
  const match = /^(\d+)\.(\d+)/.exec(release);
  if (match === null) return false;
  const [major, minor] = [Number(match[1]), Number(match[2])];
  return major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
}
