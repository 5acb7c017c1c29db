/** What runs this program. Electron is Node here. */
export type Runtime = 'node' | 'bun' | 'deno';

function detect(): Runtime {
  if (process.versions.bun !== undefined) return 'bun';
  if (process.versions.deno !== undefined) return 'deno';
  return 'node';
}

export const runtime: Runtime = detect();

/**
 * Whether the runtime can wait for a pipe that was opened by its path. Deno's `net.Socket` takes no descriptor that its `fs`
 * has opened, and its `fs` streams read in a pool of 32 threads, where idle pipes hold up all others, and every other use
 * of files.
 */
export const drivesPipes = runtime !== 'deno';
