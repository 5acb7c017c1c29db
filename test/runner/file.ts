import { chownSync, readFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import { type Entry, RECORD_VARIABLE, RUNTIME_VARIABLE } from '../record';
import type { Place } from './place';
import { type Ending, run } from './process';
import type { Failure, Report, Skip } from './report';

/** Far above what a file takes, also while other tests use the CPUs. */
const timeoutMs = 600_000;

/**
 * Runs one test file in a process of its own, and tells from its record what came of every test that it owed.
 */
export async function runFile(name: string, place: Place, scratch: string): Promise<Report> {
  const own = (what: string) => path.join(scratch, `${what} ${place.label}`);
  const recordFile = own('record');
  writeFileSync(recordFile, '');
  if (place.user) chownSync(recordFile, place.user.uid, place.user.gid);

  const ending = await run(place.runtime, [path.join(place.root, 'dist/test', name)], {
    cwd: place.root,
    env: { ...place.env, [RECORD_VARIABLE]: recordFile, [RUNTIME_VARIABLE]: place.runtime },
    user: place.user,
    timeoutMs,
    outputFile: own('output'),
  });

  const { output, durationMs } = ending;
  return { name: `${name} ${place.label}`, ...judge(readRecord(recordFile), ending), output, durationMs };
}

function readRecord(file: string): Entry[] {
  return readFileSync(file, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line));
}

function judge(entries: Entry[], ending: Ending): Pick<Report, 'passed' | 'failures' | 'skips'> {
  const failures: Failure[] = [];
  const skips: Skip[] = [];
  const owed = new Map<string, string>();
  let passed = 0;

  for (const entry of entries) {
    const { test } = entry;
    switch (entry.event) {
      case 'owed':
        owed.set(test, 'never started');
        break;
      case 'started':
        owed.set(test, 'never finished');
        break;
      case 'passed':
        owed.delete(test);
        passed += 1;
        break;
      case 'failed':
        owed.delete(test);
        failures.push({ test, detail: entry.error });
        break;
      case 'skipped':
        skips.push({ test, reason: entry.reason });
        break;
    }
  }

  const end = `the process ${ending.failure ?? 'ended as if all were well'}`;
  for (const [test, detail] of owed) failures.push({ test, detail: `${detail}: ${end}` });
  if (entries.length === 0) failures.push({ test: 'the file itself', detail: `no tests: ${end}` });
  // A failed test explains the status; otherwise something outside of the tests went wrong.
  if (failures.length === 0 && ending.failure) failures.push({ test: 'the file itself', detail: end });
  return { passed, failures, skips };
}
