import { existsSync } from 'fs';
import * as path from 'path';
import { run } from './process';
import type { Failure, Report } from './report';

export const helperTests = 'helper (zig)';

const timeoutMs = 300_000;

/** Runs the helper's unit tests, and reads their numbers from the build's summary. `step` is one of build.zig. */
export async function runHelperTests(root: string, scratch: string, step = 'test'): Promise<Report> {
  const name = step === 'test' ? helperTests : `${helperTests}, ${step}`;
  const zig = path.join(root, 'node_modules/.bin/zig');
  if (!existsSync(zig)) {
    const skips = [{ test: 'all', reason: 'the Zig compiler is not installed' }];
    return { name, passed: 0, failures: [], skips, output: '', durationMs: 0 };
  }

  const { failure, output, durationMs } = await run(zig, ['build', step, '--summary', 'all'], {
    cwd: root,
    env: process.env,
    timeoutMs,
    outputFile: path.join(scratch, 'output'),
  });
  const { passed, skipped, failed } = readSummary(output);
  const failures = repeat(failed, { test: 'a unit test', detail: 'see the output above' });
  // Such as a compile error: nothing was counted.
  if (failed === 0 && failure) failures.push({ test: 'the build', detail: `the compiler ${failure}` });
  if (failures.length === 0 && passed === 0) failures.push({ test: 'all', detail: 'no test was run' });
  const skips = repeat(skipped, { test: 'a unit test', reason: 'skipped by itself' });
  return { name, passed, failures, skips, output, durationMs };
}

function readSummary(output: string): { passed: number; skipped: number; failed: number } {
  const counts = /; (\d+)\/(\d+) tests passed(?: \((?:(\d+) skipped)?)?/.exec(output);
  const [passed, total, skipped] = counts ? counts.slice(1).map(count => Number(count ?? 0)) : [];
  if (passed === undefined || total === undefined || skipped === undefined) {
    return { passed: 0, skipped: 0, failed: 0 };
  }
  return { passed, skipped, failed: total - passed - skipped };
}

function repeat<T extends Failure | { test: string; reason: string }>(count: number, entry: T): T[] {
  return Array.from({ length: count }, () => entry);
}
