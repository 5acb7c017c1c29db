import { spawn } from 'child_process';
import { performance } from 'perf_hooks';
import type { Readable } from 'stream';
import { Command } from 'unshare';
import { baseline, type Comparison, library } from './comparison';
import { flood } from './fixtures';
import { alternate, type Effort, median } from './rounds';

interface Source {
  name: string;
  /** Standard output of a program that writes so many bytes, so many at once. */
  open(bytes: number, atOnce: number): Promise<Readable>;
}

const sources: Source[] = [
  {
    name: library,
    open: async (bytes, atOnce) => {
      const child = await new Command(flood)
        .args([`${bytes}`, `${atOnce}`])
        .stdin('null')
        .stdout('piped')
        .spawn();
      return child.stdout!;
    },
  },
  {
    name: baseline,
    open: async (bytes, atOnce) =>
      spawn(flood, [`${bytes}`, `${atOnce}`], { stdio: ['ignore', 'pipe', 'inherit'] }).stdout,
  },
];

/**
 * Compares how fast the output of a program is read that writes so many KiB at once. Most write 4 (the buffer of
 * glibc's stdio on a pipe, and of Go's bufio); programs that only copy write 64 and more.
 */
export async function comparePipes(bytes: number, kibAtOnce: number, effort: Effort): Promise<Comparison> {
  global.gc?.();
  const samples = await alternate(sources, effort, source => readAll(source, bytes, kibAtOnce * 1024));
  return {
    id: `pipe.${kibAtOnce}`,
    title: `${bytes / 1e9} GB through a piped stdout, ${kibAtOnce} KiB at once`,
    unit: 'GB/s',
    effort,
    baseline,
    medians: Object.fromEntries([...samples].map(([{ name }, rates]) => [name, median(rates)])),
  };
}

/** Compares how long it takes to read 100,000 lines of 20 bytes that a program writes one by one. */
export async function compareLines(effort: Effort): Promise<Comparison> {
  global.gc?.();
  const [bytes, atOnce] = [2_000_000, 20];
  const samples = await alternate(
    sources,
    effort,
    async source => bytes / 1e6 / (await readAll(source, bytes, atOnce)),
  );
  return {
    id: 'lines',
    title: '100000 lines from a piped stdout, one by one',
    unit: 'ms',
    effort,
    baseline,
    medians: Object.fromEntries([...samples].map(([{ name }, times]) => [name, median(times)])),
  };
}

/** Returns how many GB came in a second. */
async function readAll(source: Source, bytes: number, atOnce: number): Promise<number> {
  const start = performance.now();
  const output = await source.open(bytes, atOnce);
  let received = 0;
  output.on('data', (chunk: Buffer) => {
    received += chunk.length;
  });
  await new Promise((resolve, reject) => output.once('end', resolve).once('error', reject));
  if (received !== bytes) throw new Error(`${source.name}: ${received} of ${bytes} bytes arrived`);
  return bytes / 1e6 / (performance.now() - start);
}
