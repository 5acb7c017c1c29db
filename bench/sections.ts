import type { Comparison } from './comparison';
import { type Contender, plain, sandboxed } from './contenders';
import { compareWithFloor } from './floor';
import { compareFirst, compareLoading } from './fresh';
import { compareWithHeap } from './heap';
import { compareLines, comparePipes } from './pipe';
import { compareOnRuntimes } from './runtimes';
import { compareStarting } from './starting';
import { compareThroughput } from './throughput';
import { compareWrites } from './writes';

/** A part of the benchmark that can be repeated by itself. */
export interface Section {
  name: string;
  run(): Promise<Comparison[]>;
  /** It has no target. */
  isExtra?: boolean;
}

/** Sizes of chunks, and how many are written. */
const writes = [
  [3, 100_000],
  [100, 50_000],
  [64 * 1024, 1000],
] as const;

/** The comparisons of the benchmark. `packages` and `tools` are contenders besides this library and child_process.spawn. */
export function sections(quick: boolean, packages: Contender[], tools: Contender[]): Section[] {
  const effort = (fullRounds: number, inARow: number) => ({
    rounds: quick ? Math.ceil(fullRounds / 5) : fullRounds,
    inARow,
  });
  const ordinary = [...plain, ...packages];
  return [
    { name: 'small', run: () => compareStarting('small', 'Small heap', ordinary, effort(30, 100)) },
    { name: 'floor', run: async () => [await compareWithFloor(effort(40, 1))] },
    { name: 'heap', run: () => compareWithHeap(effort(20, 20)) },
    {
      name: 'sandbox',
      run: () =>
        compareStarting('sandbox', 'In five new namespaces', [...sandboxed, ...tools], effort(25, 50)),
    },
    ...[1, 8].map(inFlight => ({
      name: `throughput.${inFlight}`,
      run: async () => [await compareThroughput(ordinary, inFlight, effort(25, 1))],
      isExtra: inFlight === 1,
    })),
    { name: 'require', run: async () => [await compareLoading(effort(60, 1))] },
    { name: 'first', run: async () => [await compareFirst(effort(60, 1))] },
    ...[4, 64, 256].map(kibAtOnce => ({
      name: `pipe.${kibAtOnce}`,
      run: async () => [await comparePipes(quick ? 2.5e8 : 1e9, kibAtOnce, effort(15, 1))],
    })),
    ...writes.map(([size, count]) => ({
      name: `write.${size}`,
      run: async () => [
        await compareWrites(size, count, size < 64 * 1024 ? 'at once' : 'drained', effort(15, 1)),
        await compareWrites(size, count, 'corked', effort(15, 1)),
      ],
    })),
    { name: 'lines', run: async () => [await compareLines(effort(15, 1))] },
    { name: 'runtimes', run: () => compareOnRuntimes(effort(30, 50)), isExtra: true },
  ];
}
