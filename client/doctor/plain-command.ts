import { Errno } from '../error/errno';
import type { UnshareError } from '../error/error';
import { describeFailure, errorOf } from './failure';
import type { Finding } from './finding';
import { limited, missing, ok, unknown } from './finding';
import type { Host } from './host';
import { seccompAdvice } from './privileges';
import type { Attempt } from './trial';

export const PLAIN_COMMAND = 'plain command';

/** `executed` is a program that was run with /dev/null, `inherited` a command up to `execve` without. */
export function plainCommandFinding(executed: Attempt, inherited: Attempt, host: Host): Finding {
  const error = errorOf(executed);
  if (!executed.tried) return unknown(PLAIN_COMMAND, executed.reason);
  if (error === null) return ok(PLAIN_COMMAND, 'started, and ended');
  const found = describeFailure(error);
  if (error.stage === 'StdioError' && inherited.tried && inherited.error === null) {
    return limited(
      PLAIN_COMMAND,
      found,
      "provide a /dev/null for all to read and write; until then 'null' cannot be used, and output() needs stdin('inherit')",
    );
  }
  return missing(PLAIN_COMMAND, found, adviceFor(error, host));
}

function adviceFor({ errno, signal }: UnshareError, { status }: Host): string {
  if (errno === Errno.EAGAIN) return 'raise the limit on processes: ulimit -u, or pids.max of the cgroup';
  if (status?.isFiltered === true || signal === 'SIGSYS') return seccompAdvice;
  return 'a security module or a limit may refuse it: look into the kernel log (dmesg)';
}
