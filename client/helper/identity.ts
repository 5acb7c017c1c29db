import { UnshareError } from '../error/error';

/** Whom the client's process is to the kernel, as text to be compared. */
export function clientIdentity(): string {
  // Elsewhere than on Linux nothing is started.
  if (process.getuid === undefined) return '';
  return `${process.geteuid!()}:${process.getegid!()}:${process.getuid()}:${process.getgid!()}:${process.getgroups!()}`;
}

/**
 * Throws at the stage `Helper` where the client's real and effective ids differ: what it starts is taken for a setuid
 * program, and the helper refuses to be one.
 */
export function checkIdentity(): void {
  if (process.getuid === undefined) return;
  for (const [name, real, effective] of [
    ['uid', process.getuid(), process.geteuid!()],
    ['gid', process.getgid!(), process.getegid!()],
  ] as const) {
    if (real === effective) continue;
    throw new UnshareError({
      stage: 'Helper',
      doing: 'cannot start the helper',
      reason: `the real ${name} of this process is ${real} and the effective one ${effective}; what it starts would be taken for a setuid program`,
    });
  }
}
