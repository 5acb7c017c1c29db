import { checkNoMore } from '../check/check-calls';
import { type Path, toPath } from '../path';
import { checkList, isIterable } from './check-list';
import { GidMap, UidMap } from './id-map';
import { type NamespaceSource, toJoinSource } from './join-source';
import { checkMountPropagation, type MountPropagation } from './mount-propagation';
import { checkNamespace, Namespace } from './namespace';
import type { IdMapRow, JoinRequest, SpawnRequest } from './spawn-request';

/** A row of the map of uids; a `UidMap` is one. */
export type UidMapRow = Pick<UidMap, 'insideUid' | 'outsideUid' | 'count'>;

/** A row of the map of gids; a `GidMap` is one. */
export type GidMapRow = Pick<GidMap, 'insideGid' | 'outsideGid' | 'count'>;

/** The namespaces that a command gets, new ones and others, and the id maps. */
export class Namespaces {
  private readonly made = new Set<Namespace>();
  private readonly joins = new Map<Namespace, JoinRequest>();
  private propagation: MountPropagation = 'private';
  private uidMaps: IdMapRow[] = [];
  private gidMaps: IdMapRow[] = [];
  private idMapCommands: SpawnRequest['idMapCommands'] = null;
  /** Which map is made at the spawn, when the client's ids are looked up; null: the rows above. */
  private mapping: 'root' | 'current' | 'auto' | null = null;

  /** Takes names, or one iterable of them. */
  make(namespaces: readonly Namespace[] | readonly [Iterable<Namespace>]): void {
    const [first] = namespaces;
    const isList = typeof first !== 'string' && isIterable(first);
    if (isList) checkNoMore('Command.unshare', 1, namespaces.slice(1));
    const names = isList ? (first as Iterable<Namespace>) : namespaces;
    const checked = Array.from(names as Iterable<Namespace>, checkNamespace);
    for (const name of checked) this.made.add(name);
  }

  join(source: NamespaceSource, namespace: Namespace): void {
    const join = { namespace: checkNamespace(namespace), source: toJoinSource(source) };
    this.joins.set(join.namespace, join);
  }

  setPropagation(mode: MountPropagation): void {
    this.propagation = checkMountPropagation(mode);
  }

  setIdMaps(uidMaps: Iterable<UidMapRow>, gidMaps: Iterable<GidMapRow>): void {
    const uidRows = checkList(uidMaps, 'uidMaps', 'rows', toUidRow);
    const gidRows = checkList(gidMaps, 'gidMaps', 'rows', toGidRow);
    this.uidMaps = uidRows;
    this.gidMaps = gidRows;
    this.mapping = null;
    this.made.add(Namespace.User);
  }

  /** The client's own ids as 0, as they are, or as 0 with the subordinate ids from 1 on. */
  map(mapping: 'root' | 'current' | 'auto'): void {
    this.mapping = mapping;
    this.made.add(Namespace.User);
  }

  setIdMapCommands(newuidmap: Path, newgidmap: Path): void {
    this.idMapCommands = {
      newuidmap: toProgram(newuidmap, 'newuidmap'),
      newgidmap: toProgram(newgidmap, 'newgidmap'),
    };
  }

  request() {
    return {
      namespaces: [...this.made],
      joins: [...this.joins.values()],
      mountPropagation: this.propagation,
      ...this.idMaps(),
      autoMaps: this.mapping === 'auto',
      idMapCommands: this.idMapCommands,
    };
  }

  private idMaps() {
    switch (this.mapping) {
      case null:
        return { uidMaps: this.uidMaps, gidMaps: this.gidMaps };
      case 'auto':
        // Looking them up may fail, which is for the spawn to tell.
        return { uidMaps: [], gidMaps: [] };
      default: {
        const own = (id: number): IdMapRow[] => [
          { inside: this.mapping === 'root' ? 0 : id, outside: id, count: 1 },
        ];
        return { uidMaps: own(process.geteuid!()), gidMaps: own(process.getegid!()) };
      }
    }
  }
}

function toUidRow(row: unknown): IdMapRow {
  if (typeof row !== 'object' || row === null) throw new TypeError('a row of uidMaps must be an object');
  const { insideUid, outsideUid, count } = row as UidMapRow;
  const checked = new UidMap(insideUid, outsideUid, count);
  return { inside: checked.insideUid, outside: checked.outsideUid, count: checked.count };
}

function toGidRow(row: unknown): IdMapRow {
  if (typeof row !== 'object' || row === null) throw new TypeError('a row of gidMaps must be an object');
  const { insideGid, outsideGid, count } = row as GidMapRow;
  const checked = new GidMap(insideGid, outsideGid, count);
  return { inside: checked.insideGid, outside: checked.outsideGid, count: checked.count };
}

function toProgram(path: Path, name: string): Buffer {
  const bytes = toPath(path, name);
  if (bytes.length === 0) throw new TypeError(`${name} must not be empty`);
  return bytes;
}
