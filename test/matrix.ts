import { spawn } from 'child_process';
import { constants, cpus } from 'os';
import * as path from 'path';
import { installRuntimesOf } from './runner/runtime';

/*
 * Runs the tests, as they are compiled, on each runtime, and prints a table, and each skip with its reason:
 *
 *     npm run matrix [-- RUNTIME…]
 *
 * A runtime is `bun`, `deno` or a version of Node. They come from the npm registry. What runs the test files is this Node.
 */

/** The oldest Node that is meant to work, every one with long-term support since, and the newest; the current Bun and Deno. */
const RUNTIMES = ['12.17.0', '14', '16', '18', '20', '22', '24', '26', 'bun', 'deno'];

const runner = path.join(__dirname, 'run.js');

interface Result {
  runtime: string;
  passed: number;
  failed: number;
  skips: string[];
}

/** Started by root, as root: an ordinary user's tests are not different from one runtime to the other. */
async function run(runtime: string): Promise<Result> {
  const options = ['--runtime', runtime, ...(process.geteuid?.() === 0 ? ['--as', 'root'] : [])];
  const stdout = await outputOf(process.execPath, [runner, ...options]);
  const lines = stdout.trimEnd().split('\n');
  const [, passed, failed] = /^(\d+) passed, (\d+) failed, \d+ skipped$/.exec(lines[lines.length - 1]!) ?? [];
  if (failed !== '0') console.log(stdout);
  return {
    runtime,
    passed: Number(passed ?? 0),
    failed: Number(failed ?? 1),
    skips: lines.filter(line => line.startsWith('skipped ')),
  };
}

function outputOf(program: string, args: string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    process.once('exit', () => child.kill());
    child.stdout.on('data', chunk => chunks.push(chunk));
    child.once('error', reject);
    child.once('close', () => resolve(Buffer.concat(chunks).toString()));
  });
}

/** As many at a time as there are processors: tests wait for most of their time, and yet some need one to themselves. */
async function runAll(runtimes: readonly string[]): Promise<Result[]> {
  const results = new Map<string, Result>();
  const waiting = [...runtimes];
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      results.set(next, await run(next));
  };
  await Promise.all(cpus().map(lane));
  return runtimes.map(runtime => results.get(runtime)!);
}

function nameOf(asked: string): string {
  return /^\d/.test(asked) ? `node${asked}` : asked;
}

function printTable(results: readonly Result[]): void {
  const row = (name: string, ...cells: unknown[]) =>
    console.log(name.padEnd(12) + cells.map(cell => String(cell).padStart(9)).join(''));
  row('runtime', 'passed', 'failed', 'skipped');
  for (const { runtime, passed, failed, skips } of results) row(runtime, passed, failed, skips.length);
}

function printSkips(results: readonly Result[]): void {
  for (const skip of new Set(results.flatMap(({ skips }) => skips))) {
    const where = results.filter(({ skips }) => skips.includes(skip)).map(({ runtime }) => runtime);
    console.log(`${skip} (${where.length === results.length ? 'all' : where.join(', ')})`);
  }
}

async function main(): Promise<void> {
  const asked = process.argv.slice(2);
  const runtimes = (asked.length > 0 ? asked : RUNTIMES).map(nameOf);
  installRuntimesOf(runtimes);
  const results = await runAll(runtimes);
  printSkips(results);
  printTable(results);
  const sum = (count: (result: Result) => number) =>
    results.reduce((total, result) => total + count(result), 0);
  const failed = sum(result => result.failed);
  console.log(
    `${sum(({ passed }) => passed)} passed, ${failed} failed, ${sum(({ skips }) => skips.length)} skipped`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}

// Through `exit`, so that what runs the tests is ended too, and ends what it runs.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(2);
});
