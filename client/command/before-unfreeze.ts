import { UnshareError } from '../error/error';

/**
 * What is done while the child is there, frozen; it gets the process id, as the helper's pid namespace
 * numbers it. The child goes on when that has returned, or the promise that it returns is fulfilled.
 */
export type BeforeUnfreeze = (pid: number) => unknown;

/** Throws a TypeError unless `value` is a function. */
export function checkBeforeUnfreeze(value: unknown): BeforeUnfreeze {
  if (typeof value !== 'function') throw new TypeError('beforeUnfreeze must be a function');
  return value as BeforeUnfreeze;
}

/** Of an error, which may be of another realm. */
function messageOf(cause: unknown): string | null {
  const message = (cause as { message?: unknown } | null | undefined)?.message;
  return typeof message === 'string' ? message : null;
}

/** That function threw, or what it returned was rejected, with `cause`. */
export function beforeUnfreezeFailed(cause: unknown): UnshareError {
  const reason = typeof cause === 'string' ? cause : messageOf(cause);
  return new UnshareError({ stage: 'BeforeUnfreeze', reason, cause });
}
