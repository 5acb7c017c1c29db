import { UnshareError } from '../error/error';

/** The client's ids as the kernel knows them. */
export interface ClientIdentity {
  readonly uid: number;
  readonly euid: number;
  readonly gid: number;
  readonly egid: number;
  readonly groups: readonly number[];
}

/** The client's ids now, or null on systems other than Linux, where nothing is started. */
export function clientIdentity(): ClientIdentity | null {
  if (process.getuid === undefined) return null;
  return {
    uid: process.getuid(),
    euid: process.geteuid!(),
    gid: process.getgid!(),
    egid: process.getegid!(),
    groups: process.getgroups!(),
  };
}

/** Whether the client still has the ids of `identity`. Every spawn asks, so this makes no text to compare. */
export function isClient(identity: ClientIdentity | null): boolean {
  if (identity === null) return true;
  const { uid, euid, gid, egid, groups } = identity;
  if (process.geteuid!() !== euid || process.getuid!() !== uid) return false;
  if (process.getegid!() !== egid || process.getgid!() !== gid) return false;
  const now = process.getgroups!();
  return now.length === groups.length && now.every((group, index) => group === groups[index]);
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
