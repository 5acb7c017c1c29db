import { type Comparison, medianOf, ratio } from './comparison';

/** What is asked of this library: of its ratio to the baseline, or of the value itself, in the unit of the comparison. */
export interface Target {
  of: 'ratio' | 'value';
  kind: 'at most' | 'at least';
  limit: number;
  /** How far it may be missed on a machine that does other things meanwhile. */
  noise: number;
}

const noise = 3;
/** What is read from files and compiled suffers most: the little that Node itself needs to start a program is there already. */
const loadingNoise = 10;

const ratioAtMost = (limit: number): Target => ({ of: 'ratio', kind: 'at most', limit, noise });
const ratioAtLeast = (limit: number): Target => ({ of: 'ratio', kind: 'at least', limit, noise });

/** Three processes take turns on two processors, or on one, where the floor and `child_process` have two. */
const turnsNoise = 4;

const targets: Record<string, Target> = {
  'small.exit': { ...ratioAtMost(0.25), noise: turnsNoise },
  'small.call': ratioAtMost(0.08),
  'floor.exit': { ...ratioAtMost(2.5), noise: turnsNoise },
  'heap.call': ratioAtMost(0.004),
  'sandbox.exit': ratioAtMost(0.5),
  'throughput.8': ratioAtLeast(6),
  require: { of: 'value', kind: 'at most', limit: 20, noise: loadingNoise },
  first: { ...ratioAtMost(2), noise: loadingNoise },
  'pipe.4': ratioAtLeast(1),
  'pipe.64': ratioAtLeast(1),
  'pipe.256': ratioAtLeast(1),
  'write.3.at-once': ratioAtMost(1.1),
  'write.3.corked': ratioAtMost(1.1),
  'write.100.at-once': ratioAtMost(1.1),
  'write.100.corked': ratioAtMost(1.1),
  lines: ratioAtMost(1.1),
};

/** Undefined for a comparison that is only shown. */
export function targetOf(comparison: Comparison): Target | undefined {
  return targets[comparison.id];
}

export function isMissed(comparison: Comparison): boolean {
  const target = targetOf(comparison);
  return target !== undefined && isMissedBy(1, target, comparison);
}

/** Whether the target is missed by more than what a busy machine explains. */
export function isMissedByFar(comparison: Comparison): boolean {
  const target = targetOf(comparison);
  return target !== undefined && isMissedBy(target.noise, target, comparison);
}

function isMissedBy(factor: number, { of, kind, limit }: Target, comparison: Comparison): boolean {
  const reached = of === 'ratio' ? ratio(comparison) : medianOf(comparison);
  return kind === 'at most' ? reached > limit * factor : reached < limit / factor;
}
