import { appendFileSync } from 'fs';

/** Environment variable with the path of the file that a test file's record is appended to. */
export const RECORD_VARIABLE = 'UNSHARE_TEST_RECORD';

/** Environment variable that, where it is set, makes a test file name its tests in the record and run none. */
export const LIST_VARIABLE = 'UNSHARE_TEST_LIST';

/** Environment variable with the path of what runs JavaScript in the tests; see `runtimePath`. */
export const RUNTIME_VARIABLE = 'UNSHARE_TEST_RUNTIME';

/** What a test file tells the runner, one line of JSON each, written before anything else can happen. */
export type Entry =
  | { event: 'owed' | 'started' | 'passed'; test: string }
  | { event: 'failed'; test: string; error: string }
  | { event: 'skipped'; test: string; reason: string };

const file = process.env[RECORD_VARIABLE];
export const onlyListed = process.env[LIST_VARIABLE] !== undefined;

// The record is this process's: a script that a test forks must not write to it.
delete process.env[RECORD_VARIABLE];
delete process.env[LIST_VARIABLE];

/** Appends to the record; does nothing in a test file that is run by hand. */
export function record(entry: Entry): void {
  if (file !== undefined) appendFileSync(file, `${JSON.stringify(entry)}\n`);
}
