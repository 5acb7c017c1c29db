import { readFileSync } from 'fs';
import { hasSlash } from '../command/path-components';
import type { IdMapRow, SpawnRequest } from '../command/spawn-request';
import { unshare } from '../messages';
import type { AskedCommand } from './asked-command';
import { Errno } from './errno';
import { execHint } from './hint-exec';
import { userNamespaceSwitch } from './hint-namespace';

import v1 = unshare.v1;

/** See helper/holder.zig. */
const HOLDER_NEEDS =
  'inside a joined user namespace, it takes a kernel with seccomp filters, and a root that pivot_root(2) can leave: no initramfs';

/**
 * Why writing an id map, or starting a command that does so, may have failed with `errno` (`man 7
 * user_namespaces`).
 */
export function idMapHint(errno: number, item: v1.Item, { request, message }: AskedCommand): string | null {
  switch (item) {
    case v1.Item.ITEM_NEWUIDMAP:
      return programHint(errno, request.idMapCommands?.newuidmap, message.idMapCommands?.newuidmap);
    case v1.Item.ITEM_NEWGIDMAP:
      return programHint(errno, request.idMapCommands?.newgidmap, message.idMapCommands?.newgidmap);
    case v1.Item.ITEM_NONE:
      // What comes before a map: of the programs that write it, or where namespaces were joined.
      return errno === 0 || request.idMapCommands ? null : HOLDER_NEEDS;
    default:
      return mapHint(errno, item, request);
  }
}

/** `asked` is the path of the command as it was given, `sent` the absolute one. */
function programHint(
  errno: number,
  asked: Uint8Array | undefined,
  sent: Uint8Array | null | undefined,
): string | null {
  if (!asked || !sent) return null;
  return execHint(errno, hasSlash(asked) ? sent : asked, false);
}

function mapHint(errno: number, item: v1.Item, request: SpawnRequest): string | null {
  switch (errno) {
    case Errno.ENOENT:
    case Errno.ESRCH:
      return '/proc is not mounted, or belongs to another pid namespace';
    case Errno.EINVAL:
      return 'two rows overlap, or one reaches past the last id';
    case Errno.EACCES:
      return userNamespaceSwitch() ?? "this user must be able to read the helper's file (mode 0755)";
    case Errno.EPERM:
      return item === v1.Item.ITEM_GID_MAP
        ? refusedMap(request, 'gid', process.getegid?.())
        : refusedMap(request, 'uid', process.geteuid?.());
    default:
      return null;
  }
}

/** Why a map is refused with EPERM. `own` is the client's effective id of that kind. */
function refusedMap(request: SpawnRequest, kind: 'uid' | 'gid', own: number | undefined): string {
  const rows = kind === 'uid' ? request.uidMaps : request.gidMaps;
  const [first] = rows;
  const mapsOwnOnly = rows.length === 1 && first?.outside === own && first?.count === 1;
  if (process.geteuid?.() !== 0 && !mapsOwnOnly) {
    const capability = kind === 'uid' ? 'CAP_SETUID' : 'CAP_SETGID';
    return `without ${capability}, ${kind}_map can have one row only, with count 1 and the own ${kind}, ${own}`;
  }
  const switchedOff = userNamespaceSwitch();
  if (switchedOff !== null) return switchedOff;
  // What a joined user namespace has is not to be read here.
  const parents = request.joins.some(({ namespace }) => namespace === 'user') ? [] : ownMap(kind);
  const spanning = rows.find(row => isSpanning(row, parents));
  if (spanning !== undefined) {
    const { outside, count } = spanning;
    const last = outside + count - 1;
    return `the outside ids ${outside} to ${last} are in several rows of the parent namespace's map: a row must lie within one`;
  }
  if (rows.some(row => row.outside === 0)) return 'mapping 0 of the parent namespace needs CAP_SETFCAP';
  return 'an outside id is not mapped in the parent namespace';
}

/** Whether a row begins in one of the parent's rows, and another one of these goes on where that ends. */
function isSpanning({ outside, count }: IdMapRow, parents: readonly IdMapRow[]): boolean {
  const first = parents.find(row => outside >= row.inside && outside < row.inside + row.count);
  if (first === undefined) return false;
  const end = first.inside + first.count;
  return outside + count > end && parents.some(row => end >= row.inside && end < row.inside + row.count);
}

/** The map of the client's user namespace, which is the parent of the new one. */
function ownMap(kind: 'uid' | 'gid'): IdMapRow[] {
  const lines = readFileSync(`/proc/self/${kind}_map`, 'latin1').trim().split('\n');
  return lines.map(line => {
    const [inside, outside, count] = line.trim().split(/\s+/).map(Number);
    return { inside: inside!, outside: outside!, count: count! };
  });
}
