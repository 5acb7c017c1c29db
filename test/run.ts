import { readdirSync } from 'fs';
import { constants } from 'os';
import * as path from 'path';
import { differsByRuntime } from './one-runtime';
import { runFile } from './runner/file';
import { helperTests, runHelperTests } from './runner/helper';
import { type Options, readOptions } from './runner/options';
import { ordinaryPlace, ownPlace, type Place } from './runner/place';
import { describe, type Report, summarize } from './runner/report';
import { prepareRuntime } from './runner/runtime';
import { makeScratch } from './scratch';

const root = path.join(__dirname, '../..');

/**
 * Runs every test file, one after the other. If root starts it, it runs all of them twice at the same time: as root and as an
 * ordinary user, since tests wait for most of their time.
 */
async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  const scratch = makeScratch();
  const files = readdirSync(__dirname).filter(name => name.endsWith('.test.js') && isWanted(name, options));
  const reports: Report[] = [];
  const add = (report: Report) => {
    reports.push(report);
    console.log(describe(report));
  };

  const runtime = options.runtime === null ? process.execPath : prepareRuntime(options.runtime, scratch);
  // No runtime runs the helper's unit tests. They come first: this builds the program that fuzz.test.ts compares the client with.
  if (options.runtime === null && options.only.test(helperTests)) add(await runHelperTests(root, scratch));
  await Promise.all(
    places(options, scratch, runtime).map(async place => {
      for (const file of files) add(await runFile(file, place, scratch));
    }),
  );

  console.log(summarize(reports));
  const ran = reports.some(report => report.passed > 0);
  const failed = reports.some(report => report.failures.length > 0);
  process.exitCode = ran && !failed ? 0 : 1;
}

function isWanted(file: string, { only, perRuntime }: Options): boolean {
  return only.test(file) && (!perRuntime || differsByRuntime(file));
}

function places({ as }: Options, scratch: string, runtime: string): Place[] {
  if (process.geteuid?.() !== 0) return [ownPlace(root, runtime)];
  const both: Place[] = [];
  if (as !== 'user') both.push(ownPlace(root, runtime));
  if (as !== 'root') both.push(ordinaryPlace(root, scratch, runtime));
  return both;
}

// Through `exit`, so that the running test file is killed and the scratch directory removed.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(2);
});
