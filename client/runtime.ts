/** What runs this program. Electron is Node here. */
export type Runtime = 'node' | 'bun' | 'deno';

function detect(): Runtime {
  if (process.versions.bun !== undefined) return 'bun';
  if (process.versions.deno !== undefined) return 'deno';
  return 'node';
}

export const runtime: Runtime = detect();

/**
 * Whether this thread can drive a pipe that it has opened by its path.
 *
 * - A worker thread of Node closes, at its end, every number that `fs` has opened in it and not closed. It does not see that
 *   a socket has closed a pipe, and the number may be another thread's file by then.
 * - Deno's `net.Socket` takes no descriptor that its `fs` has opened, and its `fs` streams read in a pool of 32 threads, where
 *   idle pipes hold up all others, and every other use of files.
 */
export function drivesPipes(): boolean {
  return runtime === 'bun' || (runtime === 'node' && isMainThread());
}

function isMainThread(): boolean {
  // Loaded here: it takes as long as a quarter of this package, and commands without pipes do not need it.
  return (require('worker_threads') as typeof import('worker_threads')).isMainThread;
}

/**
 * Whether what `child_process` makes for the descriptors 0, 1 and 2 of a process is worth more than what it makes for others.
 * On Deno, it is pipes there and sockets elsewhere; on Bun, those three are streams that cannot be unreferenced.
 */
export const hasStandardPipes = runtime !== 'bun';
