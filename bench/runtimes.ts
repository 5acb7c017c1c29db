import { spawn } from 'child_process';
import * as path from 'path';
import { BUN, DENO, installRuntimes, runtimePath } from '../test/runtimes';
import type { Comparison } from './comparison';
import type { Effort } from './rounds';

interface Runtime {
  /** As `installRuntimes` knows it. */
  name: string;
  /** Package of the npm registry. */
  source: string;
  /** Where the program is in it. */
  program: string;
  /** What comes before the script. */
  args: string[];
}

const runtimes: Runtime[] = [
  { name: 'bun', source: BUN, program: 'bin/bun', args: [] },
  { name: 'deno', source: DENO, program: 'deno', args: ['run', '-A'] },
];

/** Compares starting on other runtimes, each in a process of that runtime, with what it has itself for it. */
export async function compareOnRuntimes(effort: Effort): Promise<Comparison[]> {
  installRuntimes(Object.fromEntries(runtimes.map(({ name, source }) => [name, source])));
  const comparisons: Comparison[] = [];
  for (const runtime of runtimes) comparisons.push(...(await compareOn(runtime, effort)));
  return comparisons;
}

function compareOn({ name, program, args }: Runtime, effort: Effort): Promise<Comparison[]> {
  const script = path.join(__dirname, 'runtime-process.js');
  const child = spawn(runtimePath(name, program), [...args, script, JSON.stringify(effort)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => {
      if (code === 0) resolve(JSON.parse(printed));
      else reject(new Error(`${name} exited with status ${code}`));
    });
  });
}
