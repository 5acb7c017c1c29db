import type { SpawnRequest } from '../command/spawn-request';
import { unshare } from '../messages';
import { Errno } from './errno';

import v1 = unshare.v1;

/** Why ids or groups could not be set (`man 2 setresuid`, `man 2 setgroups`, `man 7 user_namespaces`). */
export function userHint(errno: number, item: v1.Item, request: SpawnRequest): string | null {
  const { namespaces, uidMaps, gidMaps } = request;
  const isGroup = item === v1.Item.ITEM_GID || item === v1.Item.ITEM_GROUPS;
  if (errno === Errno.EINVAL) {
    const kind = isGroup ? 'gid' : 'uid';
    const rows = isGroup ? gidMaps : uidMaps;
    if (!namespaces.includes('user'))
      return `the ${kind} is not mapped in the user namespace that the command is in`;
    return rows.length === 0
      ? `the new user namespace has no ${kind} map, so that there are no ids in it: call setIdMaps()`
      : `the ${kind} is not mapped by setIdMaps()`;
  }
  if (errno !== Errno.EPERM) return null;
  if (item === v1.Item.ITEM_GROUPS && namespaces.includes('user')) {
    return 'in a user namespace without a gid map, or with one that was written without CAP_SETGID, groups cannot be set';
  }
  return `it needs ${isGroup ? 'CAP_SETGID' : 'CAP_SETUID'}`;
}
