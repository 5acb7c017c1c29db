import { constants, existsSync, fstatSync, readFileSync } from 'fs';
import { runtime } from '../runtime';

/** How a helper gets the client's standard descriptors without a change to them. */
export interface Shared {
  readonly stdio: StandardStream[];
  /** Tells the helper what it has to do. */
  readonly arguments: string[];
  /** Numbers of pipes that nobody uses. */
  readonly unused: readonly number[];
}

/** What the helper finds at one of its descriptors, as `child_process` takes it. */
export type StandardStream = 'inherit' | 'ignore' | 'pipe' | number;

/**
 * Adapts what a helper is to inherit at 0, 1 and 2 to the runtime. O_NONBLOCK belongs to the open file description, which client
 * and helper share: without the flag, the client's own streams would block.
 *
 * - Node clears it for what a child gets as 0, 1 or 2 (uv__process_child_init in libuv's src/unix/process.c). There, the
 *   helper gets them at higher numbers.
 * - Bun clears it for every descriptor that a child inherits. There, the helper sets it again, first of all.
 * - Deno leaves it alone.
 */
export function shareStandard(stdio: readonly StandardStream[]): Shared {
  const inherited = [0, 1, 2].filter(number => stdio[number] === 'inherit');
  if (runtime === 'node') return moved([...stdio], inherited);
  const nonblocking = runtime === 'bun' ? inherited.filter(isNonblocking) : [];
  return { stdio: [...stdio], arguments: toArguments('nonblocking', nonblocking), unused: [] };
}

function moved(stdio: StandardStream[], inherited: readonly number[]): Shared {
  // A root without /dev/null, which the runtime opens for 'ignore': the helper closes the pipes that it gets instead.
  const nothing = inherited.length === 0 || existsSync('/dev/null') ? 'ignore' : 'pipe';
  for (const number of inherited) stdio[number] = nothing;
  // What the client has closed is /dev/null for its helper.
  const open = inherited.filter(isOpen);
  stdio.push(...open);
  return { stdio, arguments: toArguments('moved', open), unused: nothing === 'pipe' ? inherited : [] };
}

function toArguments(name: string, numbers: readonly number[]): string[] {
  const mask = numbers.reduce((bits, number) => bits | (1 << number), 0);
  return mask === 0 ? [] : [`--${name}=${mask}`];
}

function isOpen(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}

/** See `man 5 proc_pid_fdinfo`. Without /proc, it is not known. */
function isNonblocking(descriptor: number): boolean {
  try {
    const flags = /^flags:\s*(\d+)/m.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'latin1'))!;
    return (Number.parseInt(flags[1]!, 8) & constants.O_NONBLOCK) !== 0;
  } catch {
    return false;
  }
}
