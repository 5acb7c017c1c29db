import type { Effort } from './rounds';

/** The names under which the two contenders that most comparisons have are shown. */
export const library = 'unshare';
export const baseline = 'child_process.spawn';

/** One measure of several contenders, taken in the same rounds. */
export interface Comparison {
  /** What the targets refer to it by. */
  id: string;
  title: string;
  unit: 'µs' | 'ms' | 'per second' | 'GB/s';
  effort: Effort;
  /** The contender that the others' medians are told as multiples of. */
  baseline: string;
  /** Medians by contender, in `unit`. */
  medians: Record<string, number>;
}

/** A contender's median as a multiple of that of the baseline. */
export function ratio(comparison: Comparison, contender: string = library): number {
  return medianOf(comparison, contender) / medianOf(comparison, comparison.baseline);
}

export function medianOf({ id, medians }: Comparison, contender: string = library): number {
  const found = medians[contender];
  if (found === undefined) throw new Error(`${id} lacks ${contender}`);
  return found;
}
