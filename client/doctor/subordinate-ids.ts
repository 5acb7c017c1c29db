import type { HostFiles } from './host-files';

/** `count` ids from `start` on. */
export interface Range {
  readonly start: number;
  readonly count: number;
}

/** Whose ranges are looked up, and in which files. */
export interface RangeOwner {
  readonly files: HostFiles;
  readonly uid: number;
  readonly account: string | null;
}

/** Where usermod starts by default (SUB_UID_MIN in `man 5 login.defs`), and how many ids each user gets. */
const FIRST_START = 100_000;

/** The ranges that a file gives this user, by name or by number (`man 5 subuid`). */
export function rangesOf(file: 'subuid' | 'subgid', host: RangeOwner): Range[] {
  const owners = [host.account, `${host.uid}`];
  return entries(file, host)
    .filter(({ owner }) => owners.includes(owner))
    .map(({ range }) => range);
}

/** From where on neither file gives ids to anybody. */
export function unusedStart(host: RangeOwner): number {
  const ends = (['subuid', 'subgid'] as const)
    .map(file => entries(file, host).map(({ range: { start, count } }) => start + count))
    .reduce((all, some) => all.concat(some), []);
  return Math.max(FIRST_START, ...ends);
}

function entries(file: string, { files }: RangeOwner): { owner: string; range: Range }[] {
  return files
    .lines(`/etc/${file}`)
    .map(line => line.split(':'))
    .map(([owner, start, count]) => ({
      owner: owner!,
      range: { start: Number(start), count: Number(count) },
    }))
    .filter(({ range }) => Number.isInteger(range.start) && range.count > 0);
}
