import type { Comparison } from './comparison';
import { type Contender, plain, sandboxed } from './contenders';
import { compareWithHeap } from './heap';
import { comparePipes } from './pipe';
import { compareStarting } from './starting';
import { compareThroughput } from './throughput';

/** A part of the benchmark that can be repeated by itself. */
export type Section = () => Promise<Comparison[]>;

/** The whole benchmark. `tools` are the contenders besides this library and child_process.spawn. */
export function sections(quick: boolean, tools: Contender[]): Section[] {
  const effort = (fullRounds: number, inARow: number) => ({
    rounds: quick ? Math.ceil(fullRounds / 5) : fullRounds,
    inARow,
  });
  return [
    () => compareStarting('small', 'Small heap', plain, effort(30, 100)),
    () => compareWithHeap(effort(20, 20)),
    () => compareStarting('sandbox', 'In five new namespaces', [...sandboxed, ...tools], effort(25, 50)),
    async () => [await compareThroughput(1, effort(25, 1))],
    async () => [await compareThroughput(8, effort(25, 1))],
    ...[4, 64, 256].map(kibAtOnce => async () => [
      await comparePipes(quick ? 2.5e8 : 1e9, kibAtOnce, effort(15, 1)),
    ]),
  ];
}
