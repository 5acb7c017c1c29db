import { Namespace } from '../command/namespace';
import { Errno } from '../error/errno';
import type { UnshareError } from '../error/error';
import { limitSetting, namespaceHint } from '../error/hint-namespace';
import { describeFailure, errorOf, untried } from './failure';
import { type Finding, limited, missing, ok, unknown } from './finding';
import { type Host, isUnprivileged } from './host';
import { seccompAdvice } from './privileges';
import type { Attempt, Trial } from './trial';
import { seeUserNamespace } from './user-namespace';

/** All but the user namespace, which has a line of its own. */
export const OTHER_NAMESPACES: readonly Namespace[] = Object.values(Namespace).filter(
  name => name !== Namespace.User,
);

/** The first version of Linux with such namespaces, where not all that this package is for have them. */
const SINCE: { readonly [name in Namespace]?: string } = { time: '5.6' };

/** Tries a new namespace of this kind, and these besides. */
export async function tryNamespace(trial: Trial, ...names: Namespace[]): Promise<Attempt> {
  return await trial.attempt(command => command.unshare(names));
}

/** What came of a namespace with the privileges of this process, and of one beside a new user namespace. */
export function namespaceFinding(
  name: Namespace,
  alone: Attempt,
  inside: Attempt,
  host: Host,
  userNamespace: Finding,
): Finding {
  const title = `${name} namespace`;
  const reason = untried(alone, inside);
  if (reason !== null) return unknown(title, reason);
  const [aloneError, insideError] = [errorOf(alone), errorOf(inside)];
  if (aloneError === null && insideError === null) {
    return ok(title, 'made, alone and with a new user namespace');
  }
  if (insideError === null) {
    return limited(
      title,
      `made with a new user namespace only; alone, ${describeAlone(name, aloneError!, host)}`,
      `unshare('user', '${name}') with setIdMaps(), or give this process CAP_SYS_ADMIN`,
    );
  }
  const advice = adviceFor(name, insideError, host, userNamespace);
  if (aloneError !== null) return missing(title, describe(name, aloneError, host), advice);
  return limited(
    title,
    `made alone only; with a new user namespace, ${describe(name, insideError, host)}`,
    advice,
  );
}

function describeAlone(name: Namespace, error: UnshareError, host: Host): string {
  const lacksPrivilege = error.errno === Errno.EPERM && isUnprivileged(host);
  return lacksPrivilege ? 'it needs CAP_SYS_ADMIN' : describe(name, error, host);
}

function describe(name: Namespace, error: UnshareError, { files }: Host): string {
  const text = describeFailure(error);
  if (error.errno !== Errno.ENOSPC) return text;
  const refused = error.item === Namespace.User ? Namespace.User : name;
  return `${text}; ${namespaceHint(error.errno, [refused], files.setting)}`;
}

function adviceFor(name: Namespace, error: UnshareError, host: Host, userNamespace: Finding): string {
  const { errno, item } = error;
  if (item === Namespace.User) return seeUserNamespace;
  switch (errno) {
    case Errno.ENOSPC:
      return `raise ${limitSetting(name).replace('/', '.')}, in the user namespaces around this one too`;
    case Errno.EINVAL: {
      const since = SINCE[name];
      return `use a kernel that has them${since === undefined ? '' : `: Linux ${since} or later`}`;
    }
  }
  if (userNamespace.status !== 'ok') return seeUserNamespace;
  if (host.status?.isFiltered === true || error.signal === 'SIGSYS') return seccompAdvice;
  return 'a security module may refuse it: look into the kernel log (dmesg)';
}

/** The settings that limit how many namespaces there are of each kind, in the user namespace of this process. */
export function limitsFinding({ files }: Host): Finding {
  const title = 'namespace limits';
  const limits = Object.values(Namespace).map(name => ({
    setting: limitSetting(name).replace('/', '.'),
    value: files.setting(limitSetting(name)),
  }));
  const known = limits.filter(({ value }) => value !== null);
  if (known.length === 0) return unknown(title, '/proc/sys/user cannot be read');
  const zero = known.filter(({ value }) => value === '0').map(({ setting }) => setting);
  if (zero.length === 0) {
    const least = Math.min(...known.map(({ value }) => Number(value)));
    return ok(title, `user.max_*_namespaces are ${least} or more`);
  }
  return limited(
    title,
    `${zero.join(', ')} ${zero.length === 1 ? 'is' : 'are'} 0`,
    `as root: ${zero.map(setting => `sysctl -w ${setting}=10000`).join('; ')}`,
  );
}
