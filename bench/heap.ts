import { fork } from 'child_process';
import * as path from 'path';
import type { Comparison } from './comparison';
import type { Effort } from './rounds';

/**
 * Compares starting in a process with a large heap: a new one, so that the other measures are not taken
 * beside it.
 */
export function compareWithHeap(effort: Effort): Promise<Comparison[]> {
  const child = fork(path.join(__dirname, 'heap-process.js'), [JSON.stringify(effort)], {
    execArgv: ['--expose-gc'],
  });
  return new Promise((resolve, reject) => {
    child.once('message', message => resolve(message as Comparison[]));
    child.once('error', reject);
    child.once('exit', code =>
      reject(new Error(`The process with the large heap exited with status ${code}`)),
    );
  });
}
