import { execFileSync } from 'child_process';
import { exit, floor } from './fixtures';

/**
 * Microseconds that a native program needs to run the same program, by vfork, execve and wait4: the median.
 */
export function measureFloor(rounds: number): number {
  const nanoseconds = execFileSync(floor, [exit, `${rounds}`], { encoding: 'utf8' });
  return Number(nanoseconds) / 1000;
}
