import { fork } from 'child_process';
import * as path from 'path';
import { baseline, library } from './comparison';
import { median } from './rounds';

/** What the cost of a start may grow with. */
export type Factor = 'children' | 'variables' | 'environment' | 'arguments' | 'descriptors' | 'memory';

export interface Growth {
  factor: Factor;
  /** What is counted. */
  counted: string;
  counts: number[];
}

/** How long one contender's starts take, with so many of what is counted: medians in microseconds. */
export interface GrowthPoint {
  count: number;
  contender: string;
  exitUs: number;
  callUs: number;
}

export interface GrowthResult extends Growth {
  points: GrowthPoint[];
}

/** What a process of its own measures. */
export interface GrowthTask {
  factor: Factor;
  count: number;
  contender: string;
  starts: number;
}

/** What it found, in milliseconds. */
export interface GrowthSamples {
  exitMs: number[];
  callMs: number[];
}

export const growthContenders = [baseline, library];

/** Of each variable and of each argument, in bytes. */
export const textSize = 64;

/** Of these, each is half as long at most as the kernel takes (MAX_ARG_STRLEN, man 2 execve). */
export const largeVariables = 16;

const growths: Growth[] = [
  {
    factor: 'children',
    counted: 'children that live already, each with a pipe',
    counts: [0, 100, 1000, 5000],
  },
  {
    factor: 'variables',
    counted: `variables of ${textSize} bytes in process.env`,
    counts: [10, 100, 1000, 3000],
  },
  {
    factor: 'environment',
    counted: `KiB in ${largeVariables} variables of process.env`,
    counts: [1, 16, 128, 1024],
  },
  {
    factor: 'arguments',
    counted: `arguments of ${textSize} bytes`,
    counts: [1, 10, 100, 1000, 10_000],
  },
  {
    factor: 'descriptors',
    counted: 'descriptors besides the standard streams, of /dev/null',
    counts: [0, 4, 16, 60],
  },
  {
    factor: 'memory',
    counted: 'MiB in buffers of the client',
    counts: [0, 100, 400, 1600],
  },
];

/**
 * Measures the growth with each factor. Every count of every contender has a process of its own in each round, so that none
 * is measured beside what another has started.
 */
export async function measureGrowth(quick: boolean): Promise<GrowthResult[]> {
  const rounds = quick ? 1 : 3;
  const starts = quick ? 20 : 60;
  const results: GrowthResult[] = [];
  for (const growth of growths) {
    const found = new Map<string, GrowthSamples>();
    for (let round = 0; round < rounds; round++) {
      for (const count of growth.counts) {
        for (const contender of growthContenders) {
          const samples = await measure({ factor: growth.factor, count, contender, starts });
          const key = `${count} ${contender}`;
          const before = found.get(key) ?? { exitMs: [], callMs: [] };
          found.set(key, {
            exitMs: [...before.exitMs, ...samples.exitMs],
            callMs: [...before.callMs, ...samples.callMs],
          });
        }
      }
    }
    const points = growth.counts.flatMap(count =>
      growthContenders.map(contender => {
        const { exitMs, callMs } = found.get(`${count} ${contender}`)!;
        return { count, contender, exitUs: median(exitMs) * 1000, callUs: median(callMs) * 1000 };
      }),
    );
    results.push({ ...growth, points });
  }
  return results;
}

function measure(task: GrowthTask): Promise<GrowthSamples> {
  // An environment that is the same on every machine.
  const child = fork(path.join(__dirname, 'growth-process.js'), [JSON.stringify(task)], { env: {} });
  return new Promise((resolve, reject) => {
    child.once('message', message => resolve(message as GrowthSamples));
    child.once('error', reject);
    child.once('exit', code =>
      reject(new Error(`The process for ${task.count} ${task.factor} exited with status ${code}`)),
    );
  });
}

/** The point of a count and a contender. */
export function pointOf({ points }: GrowthResult, count: number, contender: string): GrowthPoint {
  return points.find(point => point.count === count && point.contender === contender)!;
}
