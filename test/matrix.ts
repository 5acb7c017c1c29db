import { spawn } from 'child_process';
import { constants, cpus } from 'os';
import * as path from 'path';
import { installRuntimesOf } from './runner/runtime';

/*
 * Runs the compiled tests on each runtime, and prints a table and the reason for each skip:
 *
 *     npm run matrix [-- [--short] [RUNTIME…]]
 *
 * A runtime is `bun`, `deno` or a version of Node. They come from the npm registry. This Node runs the runner itself.
 *
 * With `--short`, only the oldest and the newest Node run every test file. The other runtimes run the files that a runtime can make
 * different; test/one-runtime.ts has the rule.
 */

/** The oldest Node that is meant to work, every one with long-term support since, and the newest; the current Bun and Deno. */
const RUNTIMES = ['12.17.0', '14', '16', '18', '20', '22', '24', '26', 'bun', 'deno'];

/** These run every test file with `--short` too. */
const COMPLETE = ['12.17.0', '26'];

const runner = path.join(__dirname, 'run.js');

interface Result {
  runtime: string;
  passed: number;
  failed: number;
  skips: string[];
}

/** Started by root, as root: an ordinary user's tests are not different from one runtime to the other. */
async function run(runtime: string, perRuntime: boolean): Promise<Result> {
  const options = ['--runtime', runtime, ...(process.geteuid?.() === 0 ? ['--as', 'root'] : [])];
  if (perRuntime) options.push('--files', 'per-runtime');
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

/**
 * Tests wait for most of their time, so one lane more than there are CPUs keeps the CPUs busy. More lanes would not save time:
 * some tests need a whole CPU, and several start thousands of processes.
 */
const LANES = cpus().length + 1;

async function runAll(runtimes: readonly string[], short: boolean): Promise<Result[]> {
  const complete = COMPLETE.map(nameOf);
  const perRuntime = (runtime: string) => short && !complete.includes(runtime);
  const results = new Map<string, Result>();
  // The longest first: no other runtime has to wait for one of them at the end.
  const waiting = [...runtimes].sort((a, b) => Number(perRuntime(a)) - Number(perRuntime(b)));
  const lane = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      results.set(next, await run(next, perRuntime(next)));
  };
  await Promise.all(Array.from({ length: LANES }, lane));
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
  const args = process.argv.slice(2);
  const short = args[0] === '--short';
  const asked = short ? args.slice(1) : args;
  const runtimes = (asked.length > 0 ? asked : RUNTIMES).map(nameOf);
  installRuntimesOf(runtimes);
  const results = await runAll(runtimes, short);
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
