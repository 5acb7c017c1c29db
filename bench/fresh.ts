import { spawn } from 'child_process';
import * as path from 'path';
import { baseline, type Comparison, library } from './comparison';
import { alternate, type Effort, median } from './rounds';

/** What `fresh-process.js` does once, and times. */
export type FreshAct =
  | 'require unshare'
  | 'import execa'
  | 'run by unshare'
  | 'run by a second helper'
  | 'run by child_process';

interface FreshContender {
  name: string;
  act: FreshAct;
}

/** Compares how long it takes to load this library, and a popular one for the same. */
export async function compareLoading(effort: Effort): Promise<Comparison> {
  return {
    id: 'require',
    title: "require('unshare') in a new process, and import 'execa'",
    unit: 'ms',
    effort,
    baseline: 'execa',
    medians: await compareFresh(effort, [
      { name: 'execa', act: 'import execa' },
      { name: library, act: 'require unshare' },
    ]),
  };
}

/**
 * Compares the first program that a process runs: the helper has to be started, and copies itself. A second helper, whose first
 * program is shown apart, does that as well, when all the code that is needed was loaded and used before.
 */
export async function compareFirst(effort: Effort): Promise<Comparison> {
  return {
    id: 'first',
    title: 'The first program that a new process runs, from spawn to exit',
    unit: 'ms',
    effort,
    baseline,
    medians: await compareFresh(effort, [
      { name: baseline, act: 'run by child_process' },
      { name: library, act: 'run by unshare' },
      { name: 'a second helper', act: 'run by a second helper' },
    ]),
  };
}

async function compareFresh(effort: Effort, contenders: FreshContender[]): Promise<Record<string, number>> {
  const samples = await alternate(contenders, effort, ({ act }) => timeInFreshProcess(act));
  return Object.fromEntries([...samples].map(([{ name }, taken]) => [name, median(taken)]));
}

/** Milliseconds, as the process itself has measured them. */
function timeInFreshProcess(act: FreshAct): Promise<number> {
  const child = spawn(process.execPath, [path.join(__dirname, 'fresh-process.js'), act], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', text => {
    printed += text;
  });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', code => {
      if (code === 0) resolve(Number(printed));
      else reject(new Error(`The process that was to ${act} exited with status ${code}`));
    });
  });
}
