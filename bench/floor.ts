import { execFileSync } from 'child_process';
import { performance } from 'perf_hooks';
import { type Comparison, library } from './comparison';
import { plain } from './contenders';
import { exit, floor } from './fixtures';
import { alternate, type Effort, median } from './rounds';

const native = 'vfork, execve, wait4';

/** Programs run in one sample. */
const batch = 100;

/** A way to run the program so many times, and the median of what each run took, in microseconds. */
interface Runner {
  name: string;
  run(): Promise<number>;
}

const runners: Runner[] = [
  { name: native, run: async () => runNative() },
  { name: library, run: runLibrary },
];

/** Compares this library with what the kernel needs: a native program that runs the same one. */
export async function compareWithFloor(effort: Effort): Promise<Comparison> {
  global.gc?.();
  const samples = await alternate(runners, effort, runner => runner.run());
  return {
    id: 'floor.exit',
    title: `The floor, from spawn to exit, in batches of ${batch}`,
    unit: 'µs',
    effort,
    baseline: native,
    medians: Object.fromEntries([...samples].map(([{ name }, taken]) => [name, median(taken)])),
  };
}

function runNative(): number {
  return Number(execFileSync(floor, [exit, `${batch}`], { encoding: 'utf8' })) / 1000;
}

async function runLibrary(): Promise<number> {
  const contender = plain.find(({ name }) => name === library)!;
  const durations: number[] = [];
  for (let i = 0; i < batch; i++) {
    const start = performance.now();
    await contender.run();
    durations.push((performance.now() - start) * 1000);
  }
  return median(durations);
}
