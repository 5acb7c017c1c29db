import { spawnSync } from 'child_process';
import * as path from 'path';

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
function run(runtime: string): Result {
  const options = ['--runtime', runtime, ...(process.geteuid?.() === 0 ? ['--as', 'root'] : [])];
  const { stdout } = spawnSync(process.execPath, [runner, ...options], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 1024 * 1024,
  });
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

function main(): void {
  const asked = process.argv.slice(2);
  const results = (asked.length > 0 ? asked : RUNTIMES).map(nameOf).map(run);
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

main();
