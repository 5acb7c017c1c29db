import { UnshareError } from '../error/error';

/**
 * The number of a system call in the kernel's table for this architecture, which is that of the helper too. Throws at
 * the stage `PreExec` where there is none of that name; `index` is that of the step.
 */
export function syscallNumber(name: string, index: number): number {
  // Loaded here, as few commands have steps.
  const table = (require('../syscalls') as typeof import('../syscalls'))[process.arch];
  const number = table?.[name];
  if (number !== undefined) return number;
  const item = `step ${index} (${name})`;
  throw new UnshareError({
    stage: 'PreExec',
    item,
    shownItem: `${item} of preExec`,
    index,
    reason: 'the kernel has no system call of that name on this architecture',
  });
}
