import type { Namespace } from '../command/namespace';
import { step } from '../command/step';
import { MS_NODEV, MS_NOEXEC, MS_NOSUID } from '../constants';
import { describeFailure, errorOf, untried } from './failure';
import { type Finding, limited, missing, ok, unknown } from './finding';
import type { Host } from './host';
import { mountPoints } from './mount-points';
import type { Attempt, Trial } from './trial';
import { seeUserNamespace } from './user-namespace';

/** Whether /proc is there, and that of this process's pid namespace. */
export function procFinding({ files }: Host): Finding {
  const self = files.link('/proc/self');
  if (self === `${process.pid}`) return ok('/proc', 'mounted, and that of this pid namespace');
  const consequence = 'without it there are no id maps, and pipes are sockets';
  if (files.read('/proc/filesystems') === null) {
    return missing('/proc', 'not mounted', `mount -t proc proc /proc; ${consequence}`);
  }
  return missing(
    '/proc',
    'mounted, but that of another pid namespace',
    `mount a new one in the mount namespace of this process; ${consequence}`,
  );
}

/** Tries to mount a new /proc, in a new pid and a new mount namespace, and these besides. */
export async function tryMount(trial: Trial, ...besides: Namespace[]): Promise<Attempt> {
  const flags = MS_NOSUID | MS_NODEV | MS_NOEXEC;
  return await trial.attempt(command =>
    command
      .unshare('pid', 'mount', ...besides)
      .preExec([step.syscall('mount', 'proc', '/proc', 'proc', flags, 0)]),
  );
}

const NAME = 'mounting /proc';

/** What came of mounting a new /proc, with the privileges of this process and with those in a new user namespace. */
export function mountFinding(alone: Attempt, inside: Attempt, host: Host, userNamespace: Finding): Finding {
  const reason = untried(alone, inside);
  if (reason !== null) return unknown(NAME, reason);
  const [aloneError, insideError] = [errorOf(alone), errorOf(inside)];
  if (insideError === null && aloneError === null) {
    return ok(NAME, 'in new pid and mount namespaces, alone and with a new user namespace');
  }
  if (insideError === null) {
    return limited(
      NAME,
      'in new pid, mount and user namespaces; not without the user namespace',
      "unshare('user', 'pid', 'mount') with setIdMaps(), or give this process CAP_SYS_ADMIN",
    );
  }
  const advice = mountAdvice(insideError.stage === 'PreExec', insideError.code, host, userNamespace);
  if (aloneError !== null) return missing(NAME, describe(describeFailure(insideError), host), advice);
  return limited(
    NAME,
    `without a new user namespace only; with one, ${describe(describeFailure(insideError), host)}`,
    advice,
  );
}

function describe(failure: string, host: Host): string {
  const hidden = hiddenParts(host);
  if (hidden.length === 0) return failure;
  return `${failure}; hidden below /proc: ${hidden.join(', ')}`;
}

function mountAdvice(isMount: boolean, code: string | null, host: Host, userNamespace: Finding): string {
  if (userNamespace.status !== 'ok') return seeUserNamespace;
  if (!isMount) return 'first see to the lines "pid namespace" and "mount namespace"';
  if (code === 'ENOENT') return 'make a directory /proc';
  if (hiddenParts(host).length > 0) {
    return 'bind the /proc that is there, or uncover it: docker --security-opt systempaths=unconfined, podman --security-opt unmask=ALL, Kubernetes procMount: Unmasked';
  }
  if (!mountPoints(host).includes('/proc')) {
    return 'mount /proc in the mount namespace of this process first: a user namespace shows no more of it than there is already';
  }
  return 'bind the /proc that is there, or let the security module (dmesg names it) or seccomp filter allow mount';
}

/** What is mounted over parts of /proc: a new one would show what is below. */
function hiddenParts(host: Host): string[] {
  return mountPoints(host).filter(path => path.startsWith('/proc/'));
}
