import { performance } from 'perf_hooks';
import type { Helper } from 'unshare';
import type { FreshAct } from './fresh';

/*
 * Does once what its argument says, and prints how many milliseconds that took. What it needs for it is loaded before, and
 * nothing else: only types of the other modules.
 */

const exit = require('path').join(__dirname, '../test/fixtures/exit');

async function time(act: () => unknown): Promise<void> {
  const start = performance.now();
  await act();
  console.log(performance.now() - start);
}

function loadLibrary() {
  return require('unshare') as typeof import('unshare');
}

function runBy(helper: Helper): () => Promise<unknown> {
  const { Command } = loadLibrary();
  return () => new Command(exit).stdin('null').stdout('null').stderr('null').status({ helper });
}

/** Nothing is loaded but what Node has loaded at its start. */
const acts: Record<FreshAct, () => Promise<void>> = {
  'require unshare': () => time(() => require('unshare')),
  'import execa': () => time(() => import('execa')),
  'run by unshare': () => time(runBy(new (loadLibrary().Helper)())),
  'run by a second helper': async () => {
    const { Helper } = loadLibrary();
    const [first, second] = [new Helper(), new Helper()];
    await runBy(first)();
    await first.close();
    return time(runBy(second));
  },
  'run by child_process': () => {
    const { spawn } = require('child_process') as typeof import('child_process');
    return time(() => new Promise(resolve => spawn(exit, [], { stdio: 'ignore' }).once('exit', resolve)));
  },
};

acts[process.argv[2] as FreshAct]().catch((error: Error) => {
  console.error(error);
  process.exit(1);
});
