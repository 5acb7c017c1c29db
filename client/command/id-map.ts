import { checkNoMore } from '../check/check-calls';
import { checkId, checkInteger, ID_COUNT_MAX } from './ids';

/**
 * A row of `uid_map` (`man 7 user_namespaces`): `count` uids from `outsideUid` on in the parent namespace are
 * those from `insideUid` on in the new one.
 */
export class UidMap {
  /** The first uid in the new namespace. */
  readonly insideUid: number;
  /** The first uid in the parent namespace. */
  readonly outsideUid: number;
  /** How many uids, 1 at least. */
  readonly count: number;

  /** Throws a TypeError or a RangeError, naming the argument, for what cannot be in such a row. */
  constructor(insideUid: number, outsideUid: number, count: number);
  constructor(insideUid: number, outsideUid: number, count: number, ...extra: unknown[]) {
    checkNoMore('new UidMap', 3, extra);
    this.insideUid = checkId(insideUid, 'insideUid');
    this.outsideUid = checkId(outsideUid, 'outsideUid');
    this.count = checkInteger(count, 'count', 1, ID_COUNT_MAX);
  }
}

/** A row of `gid_map`, as `UidMap` for groups. */
export class GidMap {
  /** The first gid in the new namespace. */
  readonly insideGid: number;
  /** The first gid in the parent namespace. */
  readonly outsideGid: number;
  /** How many gids, 1 at least. */
  readonly count: number;

  /** Throws a TypeError or a RangeError, naming the argument, for what cannot be in such a row. */
  constructor(insideGid: number, outsideGid: number, count: number);
  constructor(insideGid: number, outsideGid: number, count: number, ...extra: unknown[]) {
    checkNoMore('new GidMap', 3, extra);
    this.insideGid = checkId(insideGid, 'insideGid');
    this.outsideGid = checkId(outsideGid, 'outsideGid');
    this.count = checkInteger(count, 'count', 1, ID_COUNT_MAX);
  }
}
