import type { Effort } from './rounds';

/** The names under which the two contenders that every comparison has are shown. */
export const library = 'unshare';
export const baseline = 'child_process.spawn';

/** One measure of several contenders, taken in the same rounds. */
export interface Comparison {
  /** What the targets refer to it by. */
  id: string;
  title: string;
  unit: 'µs' | 'per second' | 'GB/s';
  effort: Effort;
  /** Medians by contender, in `unit`. */
  medians: Record<string, number>;
}

/** A contender's median as a multiple of that of the baseline. */
export function ratio(comparison: Comparison, contender: string = library): number {
  const ours = comparison.medians[contender];
  const theirs = comparison.medians[baseline];
  if (ours === undefined || theirs === undefined) throw new Error(`${comparison.id} lacks a contender`);
  return ours / theirs;
}
