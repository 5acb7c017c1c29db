import { channel } from './channel';
import { commandRuns } from './command-runs';
import { roundTrip } from './round-trip';
import type { Target } from './target';

/** What is fuzzed besides the helper, which has a program of its own (helper/fuzz.zig). */
export const targets: readonly Target[] = [channel, roundTrip, commandRuns];

export function targetOf(name: string): Target {
  const target = targets.find(each => each.name === name);
  if (target === undefined) throw new Error(`there is no target "${name}"`);
  return target;
}
