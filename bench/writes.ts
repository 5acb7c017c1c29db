import { spawn } from 'child_process';
import { performance } from 'perf_hooks';
import type { Writable } from 'stream';
import { Command } from 'unshare';
import { baseline, type Comparison, library } from './comparison';
import { alternate, type Effort, median } from './rounds';

/** What reads all that it is given. */
const READER = ['/usr/bin/wc', '-c'] as const;

interface Sink {
  name: string;
  /** Standard input of a program, and its end. */
  open(): Promise<{ stdin: Writable; ended: Promise<unknown> }>;
}

const sinks: Sink[] = [
  {
    name: library,
    open: async () => {
      const child = await new Command(READER[0]).arg(READER[1]).stdin('piped').stdout('null').spawn();
      return { stdin: child.stdin!, ended: child.wait() };
    },
  },
  {
    name: baseline,
    open: async () => {
      const child = spawn(READER[0], [READER[1]], { stdio: ['pipe', 'ignore', 'inherit'] });
      return { stdin: child.stdin!, ended: new Promise(resolve => child.once('close', resolve)) };
    },
  },
];

/** How the chunks are written: all at once, all at once in a cork, or as many as the stream asks for. */
export type Manner = 'at once' | 'corked' | 'drained';

/** Compares how long it takes to write so many chunks of this size to a program, from its start to its end. */
export async function compareWrites(
  size: number,
  count: number,
  manner: Manner,
  effort: Effort,
): Promise<Comparison> {
  global.gc?.();
  const chunk = Buffer.alloc(size, 'x');
  const samples = await alternate(sinks, effort, sink => writeAll(sink, chunk, count, manner));
  return {
    id: `write.${size}.${manner.replace(' ', '-')}`,
    title: `${count} writes of ${size} bytes to a piped stdin, ${manner}`,
    unit: 'ms',
    effort,
    baseline,
    medians: Object.fromEntries([...samples].map(([{ name }, times]) => [name, median(times)])),
  };
}

async function writeAll(sink: Sink, chunk: Buffer, count: number, manner: Manner): Promise<number> {
  const { stdin, ended } = await sink.open();
  // The start of a program is measured elsewhere.
  const start = performance.now();
  if (manner === 'corked') stdin.cork();
  for (let index = 0; index < count; index++) {
    if (stdin.write(chunk) || manner !== 'drained') continue;
    await new Promise(resolve => stdin.once('drain', resolve));
  }
  if (manner === 'corked') stdin.uncork();
  stdin.end();
  await ended;
  return performance.now() - start;
}
