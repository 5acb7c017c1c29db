import { describeErrno } from '../error/errno';
import type { UnshareError } from '../error/error';
import type { Attempt } from './trial';

/** The reason where one of the attempts could not be made, or null. */
export function untried(...attempts: Attempt[]): string | null {
  for (const attempt of attempts) if (!attempt.tried) return attempt.reason;
  return null;
}

/** Why it failed, or null where it worked. */
export function errorOf(attempt: Attempt): UnshareError | null {
  return attempt.tried ? attempt.error : null;
}

/** What failed, in words. The hint is left out: whoever asks knows more of the machine. */
export function describeFailure(error: UnshareError): string {
  const { stage, syscall, errno, hint, message } = error;
  if (stage === 'PreExec' && syscall !== null && errno !== null) {
    const { code, words } = describeErrno(errno);
    return `${syscall}: ${words} (${code})`;
  }
  const end = `; ${hint}`;
  return hint !== null && message.endsWith(end) ? message.slice(0, -end.length) : message;
}
