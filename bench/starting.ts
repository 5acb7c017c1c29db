import { performance } from 'perf_hooks';
import { baseline, type Comparison } from './comparison';
import type { Contender } from './contenders';
import { alternate, type Effort, median } from './rounds';

interface Sample {
  /** Until the call that starts the program returned. */
  callMs: number;
  /** Until the caller knew that the program had ended. */
  exitMs: number;
}

/** Compares how long a start takes, and how long it blocks the event loop, with the contender called `against`. */
export async function compareStarting(
  id: string,
  where: string,
  contenders: Contender[],
  effort: Effort,
  against = baseline,
): Promise<Comparison[]> {
  global.gc?.();
  const starts = await alternate(contenders, effort, timeStart);
  // By itself, since asking when the event loop turns makes it turn once more, while the program starts.
  const turns = await alternate(contenders, effort, timeTurn);
  const compare = (measure: string, title: string, samples: Map<Contender, number[]>): Comparison => ({
    id: `${id}.${measure}`,
    title: `${where}: ${title}`,
    unit: 'µs',
    effort,
    baseline: against,
    medians: Object.fromEntries([...samples].map(([{ name }, taken]) => [name, median(taken) * 1000])),
  });
  const each = (value: (sample: Sample) => number) =>
    new Map([...starts].map(([contender, samples]) => [contender, samples.map(value)]));
  return [
    compare(
      'exit',
      'from spawn to exit',
      each(({ exitMs }) => exitMs),
    ),
    compare(
      'call',
      'event loop blocked by the call',
      each(({ callMs }) => callMs),
    ),
    compare('turn', 'event loop blocked by the call and what it queued', turns),
  ];
}

async function timeStart({ run }: Contender): Promise<Sample> {
  const start = performance.now();
  const ended = run();
  const callMs = performance.now() - start;
  await ended;
  return { callMs, exitMs: performance.now() - start };
}

/** Until the event loop turned: the call, and what it put off to ticks and microtasks. */
async function timeTurn({ run }: Contender): Promise<number> {
  const start = performance.now();
  const turned = new Promise<number>(resolve => setImmediate(() => resolve(performance.now() - start)));
  await run();
  return turned;
}
