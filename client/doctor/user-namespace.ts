import { GidMap, UidMap } from '../command/id-map';
import { step } from '../command/step';
import { Errno } from '../error/errno';
import type { UnshareError } from '../error/error';
import { namespaceHint, userNamespaceSwitch } from '../error/hint-namespace';
import { appArmorConfines, appArmorRestricts } from './apparmor';
import { describeFailure } from './failure';
import { type Finding, limited, missing, ok, unknown } from './finding';
import { type Host, isUnprivileged } from './host';
import { mountPoints } from './mount-points';
import { seccompAdvice } from './privileges';
import type { Attempt, Trial } from './trial';

const NAME = 'user namespace';

/** The advice of what needs one. */
export const seeUserNamespace = `first see to the line "${NAME}"`;

/**
 * Tries a new user namespace in which the own ids are mapped to 0, and whether it comes with capabilities: a security module
 * may take them away.
 */
export async function tryUserNamespace(trial: Trial, { uid, gid }: Host): Promise<Attempt> {
  return await trial.attempt(command =>
    command
      .setIdMaps([new UidMap(0, uid, 1)], [new GidMap(0, gid, 1)])
      .preExec([step.syscall('chroot', '/')]),
  );
}

export function userNamespaceFinding(attempt: Attempt, host: Host): Finding {
  if (!attempt.tried) return unknown(NAME, attempt.reason);
  const { error } = attempt;
  if (error === null) return ok(NAME, 'made, with the own ids as 0 and all capabilities inside');
  const { cause, advice } = explain(error, host);
  const found = cause === null ? describeFailure(error) : `${describeFailure(error)}; ${cause}`;
  if (error.stage !== 'PreExec') return missing(NAME, found, advice);
  return limited(NAME, `made, but without capabilities inside: ${found}`, advice);
}

interface Explanation {
  /** In words, or null where the failure says it. */
  readonly cause: string | null;
  readonly advice: string;
}

function explain(error: UnshareError, host: Host): Explanation {
  const { stage, errno } = error;
  if (stage === 'Fork' && errno === Errno.ENOSPC) return explainLimit(errno, host);
  if (errno === Errno.EPERM || errno === Errno.EACCES) {
    const refusal = explainRefusal(host);
    if (refusal !== null) return refusal;
  }
  if (isFiltered(error, host)) return { cause: 'a seccomp filter is in force', advice: seccompAdvice };
  if (stage === 'SetIdMap') return explainMap(error);
  if (errno === Errno.EPERM && isChrooted(host)) {
    return {
      cause: 'this process runs in a chroot, where the kernel makes none',
      advice: 'run it outside of the chroot, or change its root with pivot_root instead',
    };
  }
  if (errno === Errno.EINVAL || errno === Errno.ENOSYS) {
    return { cause: null, advice: 'use a kernel that was built with CONFIG_USER_NS' };
  }
  return {
    cause: null,
    advice:
      'a security module or a chroot may refuse it: look into the kernel log (dmesg), and outside of a chroot',
  };
}

function explainLimit(errno: number, { files }: Host): Explanation {
  const cause = namespaceHint(errno, ['user'], files.setting);
  if (files.setting('user/max_user_namespaces') === '0') {
    return {
      cause,
      advice: 'as root: sysctl -w user.max_user_namespaces=10000, and a file in /etc/sysctl.d',
    };
  }
  return {
    cause,
    advice: 'raise user.max_user_namespaces, in the user namespaces around this one too, or nest less deep',
  };
}

/** What refuses user namespaces to this process, where a file tells. */
function explainRefusal(host: Host): Explanation | null {
  const { files, uid, gid } = host;
  for (const [kind, id] of [
    ['uid', uid],
    ['gid', gid],
  ] as const) {
    if (isMapped(host, kind, id)) continue;
    return {
      cause: `the own ${kind} ${id} is not mapped in the user namespace of this process`,
      advice: `run this process as an id that /proc/self/${kind}_map has`,
    };
  }
  if (!isUnprivileged(host)) return null;
  if (files.setting('kernel/unprivileged_userns_clone') === '0') {
    return {
      cause: userNamespaceSwitch(files.setting),
      advice: 'as root: sysctl -w kernel.unprivileged_userns_clone=1, and a file in /etc/sysctl.d',
    };
  }
  const profile = appArmorConfines(host);
  if (profile !== null) {
    return {
      cause: `this process runs under the AppArmor profile ${profile}`,
      advice: `let that profile allow it, by a rule "userns,"`,
    };
  }
  if (appArmorRestricts(host)) {
    return {
      cause: userNamespaceSwitch(files.setting),
      advice: 'install the AppArmor profile of the line "AppArmor"',
    };
  }
  return null;
}

function isMapped({ files }: Host, kind: 'uid' | 'gid', id: number): boolean {
  const rows = files.lines(`/proc/self/${kind}_map`).map(line => line.split(/\s+/).map(Number));
  // Without /proc nothing is known.
  return rows.length === 0
    ? files.read(`/proc/self/${kind}_map`) === null
    : rows.some(([inside, , count]) => id >= inside! && id < inside! + count!);
}

function isFiltered({ errno, signal }: UnshareError, { status }: Host): boolean {
  if (signal === 'SIGSYS') return true;
  return status?.isFiltered === true && (errno === Errno.EPERM || errno === Errno.ENOSYS);
}

/** Where the root is no mount point; where it is one, a chroot does not show. */
function isChrooted(host: Host): boolean {
  const points = mountPoints(host);
  return points.length > 0 && !points.includes('/');
}

function explainMap({ errno, hint }: UnshareError): Explanation {
  switch (errno) {
    case Errno.ENOENT:
    case Errno.ESRCH:
      return { cause: hint, advice: 'see to the line "/proc"' };
    case Errno.EPERM:
      return {
        cause: hint,
        advice: 'give this process the capability, or run it as a user other than 0',
      };
    default:
      return { cause: hint, advice: 'a security module may refuse it: look into the kernel log (dmesg)' };
  }
}
