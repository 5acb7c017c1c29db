import { performance } from 'perf_hooks';
import { baseline, type Comparison } from './comparison';
import type { Contender } from './contenders';
import { alternate, type Effort, median } from './rounds';

/** Programs run in one sample. */
const batch = 200;

/** Compares how many programs a second can be run, with so many of them at once. */
export async function compareThroughput(
  contenders: Contender[],
  inFlight: number,
  effort: Effort,
): Promise<Comparison> {
  global.gc?.();
  const samples = await alternate(contenders, effort, contender => runBatch(contender, inFlight));
  return {
    id: `throughput.${inFlight}`,
    title: `Throughput with ${inFlight} in flight, in batches of ${batch}`,
    unit: 'per second',
    effort,
    baseline,
    medians: Object.fromEntries([...samples].map(([{ name }, rates]) => [name, median(rates)])),
  };
}

async function runBatch({ run }: Contender, inFlight: number): Promise<number> {
  let left = batch;
  async function lane(): Promise<void> {
    while (left > 0) {
      left -= 1;
      await run();
    }
  }
  const start = performance.now();
  await Promise.all(Array.from({ length: inFlight }, lane));
  return (batch / (performance.now() - start)) * 1000;
}
