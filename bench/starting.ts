import { performance } from 'perf_hooks';
import type { Comparison } from './comparison';
import type { Contender } from './contenders';
import { alternate, type Effort, median } from './rounds';

interface Sample {
  /** Until the call that starts the program returned. */
  callMs: number;
  /** Until the event loop turned: the call, and what it put off to ticks and microtasks. */
  turnMs: number;
  /** Until the caller knew that the program had ended. */
  exitMs: number;
}

/** Compares how long a start takes, and how long it blocks the event loop. */
export async function compareStarting(
  id: string,
  where: string,
  contenders: Contender[],
  effort: Effort,
): Promise<Comparison[]> {
  global.gc?.();
  const samples = await alternate(contenders, effort, takeSample);
  const compare = (measure: string, title: string, value: (sample: Sample) => number): Comparison => ({
    id: `${id}.${measure}`,
    title: `${where}: ${title}`,
    unit: 'µs',
    effort,
    medians: Object.fromEntries(
      [...samples].map(([{ name }, taken]) => [name, median(taken.map(value)) * 1000]),
    ),
  });
  return [
    compare('exit', 'from spawn to exit', sample => sample.exitMs),
    compare('call', 'event loop blocked by the call', sample => sample.callMs),
    compare('turn', 'event loop blocked by the call and what it queued', sample => sample.turnMs),
  ];
}

async function takeSample({ run }: Contender): Promise<Sample> {
  const start = performance.now();
  const ended = run();
  const callMs = performance.now() - start;
  let turnMs = Number.NaN;
  setImmediate(() => {
    turnMs = performance.now() - start;
  });
  await ended;
  return { callMs, turnMs, exitMs: performance.now() - start };
}
