import { accountName } from '../doctor/account';
import { HostFiles } from '../doctor/host-files';
import { rangesOf } from '../doctor/subordinate-ids';
import { UnshareError } from '../error/error';
import { findInPath } from './find';
import type { IdMapRow, SpawnRequest } from './spawn-request';

/** The part of a request that says how ids are mapped. */
type IdMaps = Pick<SpawnRequest, 'uidMaps' | 'gidMaps' | 'idMapCommands'>;

/** Where distributions install `newuidmap`, for a client whose PATH does not say so. */
const USUAL_DIRECTORIES = ['/usr/bin', '/bin', '/usr/local/bin'];

/** `request` with the maps that `mapAuto` asked for, if it did; throws as `autoMaps`. */
export function withAutoMaps(request: SpawnRequest): SpawnRequest {
  return request.autoMaps ? { ...request, ...autoMaps(request.idMapCommands) } : request;
}

/**
 * The maps of `mapAuto`: the client's own ids as 0, and its subordinate ids from 1 on. Throws at the stage `SetIdMap` if it has
 * no subordinate ids, or if `newuidmap` and `newgidmap` are not installed.
 */
function autoMaps(asked: SpawnRequest['idMapCommands']): IdMaps {
  const files = new HostFiles('/');
  const uid = process.geteuid!();
  const owner = { files, uid, account: accountName(files, uid) };
  const rows = (file: 'subuid' | 'subgid', own: number) => {
    const maps: IdMapRow[] = [{ inside: 0, outside: own, count: 1 }];
    let inside = 1;
    for (const { start, count } of rangesOf(file, owner)) {
      maps.push({ inside, outside: start, count });
      inside += count;
    }
    if (maps.length === 1) throw noRanges(file, owner.account ?? `uid ${uid}`);
    return maps;
  };
  return {
    uidMaps: rows('subuid', uid),
    gidMaps: rows('subgid', process.getegid!()),
    idMapCommands: asked ?? { newuidmap: program('newuidmap'), newgidmap: program('newgidmap') },
  };
}

function noRanges(file: 'subuid' | 'subgid', owner: string): UnshareError {
  return new UnshareError({
    stage: 'SetIdMap',
    item: file === 'subuid' ? 'uid_map' : 'gid_map',
    doing: 'cannot map subordinate ids',
    reason: `/etc/${file} has no range for ${owner}`,
    hint: '`unshare doctor` says how to add one',
  });
}

function program(name: string): Buffer {
  try {
    const path = [...(process.env.PATH ?? '').split(':'), ...USUAL_DIRECTORIES];
    return Buffer.from(findInPath(name, { path: path.filter(directory => directory.startsWith('/')) }));
  } catch (cause) {
    const { errno, hint } = cause as UnshareError;
    throw new UnshareError({
      stage: 'SetIdMap',
      errno,
      item: name,
      doing: `cannot find ${name}, which writes the maps of subordinate ids`,
      hint: `it is part of the package uidmap or shadow-utils; ${hint}`,
      cause,
    });
  }
}
