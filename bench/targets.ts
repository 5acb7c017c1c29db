import { type Comparison, ratio } from './comparison';

/** What a comparison's ratio of this library to child_process.spawn has to be. */
export interface Target {
  kind: 'at most' | 'at least';
  ratio: number;
}

const targets: Record<string, Target> = {
  'small.exit': { kind: 'at most', ratio: 0.35 },
  'small.call': { kind: 'at most', ratio: 0.15 },
  'heap.call': { kind: 'at most', ratio: 0.01 },
  'sandbox.exit': { kind: 'at most', ratio: 0.75 },
  'throughput.8': { kind: 'at least', ratio: 5 },
  'pipe.4': { kind: 'at least', ratio: 1 },
  'pipe.64': { kind: 'at least', ratio: 1 },
  'pipe.256': { kind: 'at least', ratio: 1 },
};

/** Undefined for a comparison that is only shown. */
export function targetOf(comparison: Comparison): Target | undefined {
  return targets[comparison.id];
}

export function isMissed(comparison: Comparison): boolean {
  return isMissedBy(1, comparison);
}

/** How far a target may be missed on a machine that does other things meanwhile. */
const noise = 3;

/** Whether the target is missed by more than what a busy machine explains. */
export function isMissedByFar(comparison: Comparison): boolean {
  return isMissedBy(noise, comparison);
}

function isMissedBy(factor: number, comparison: Comparison): boolean {
  const target = targetOf(comparison);
  if (!target) return false;
  return target.kind === 'at most'
    ? ratio(comparison) > target.ratio * factor
    : ratio(comparison) < target.ratio / factor;
}
