import type { SpawnRequest } from '../command/spawn-request';
import { Errno } from './errno';
import { namespaceHint } from './hint-namespace';

/** Why the process could not be made (`man 2 clone`). */
export function forkHint(errno: number, { joins, namespaces }: SpawnRequest): string | null {
  if (errno === Errno.ENOMEM && joins.some(({ namespace }) => namespace === 'pid')) {
    return 'the pid namespace that it joined has lost its init, its process 1';
  }
  return namespaceHint(errno, namespaces);
}
