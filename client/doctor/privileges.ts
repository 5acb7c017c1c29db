import { Capability } from '../command/capability';
import { type Finding, limited, ok, unknown } from './finding';
import { capabilityNames, type Host, type ProcessStatus } from './host';

/** What the client does for commands takes these. */
const USED: readonly Capability[] = [
  Capability.CAP_SYS_ADMIN,
  Capability.CAP_SYS_CHROOT,
  Capability.CAP_SETUID,
  Capability.CAP_SETGID,
  Capability.CAP_SETPCAP,
];

const NONE = 'none';

/** At most this many are listed by name. */
const NAMED_MAX = 8;

const NO_STATUS = '/proc/self/status cannot be read';

/** What a seccomp filter asks for, in the words of those who set it. */
export const seccompAdvice =
  'let the seccomp filter allow it: docker and podman --security-opt seccomp=FILE (or unconfined), ' +
  'Kubernetes seccompProfile, systemd SystemCallFilter= and RestrictNamespaces=';

export function capabilitiesFinding({ status }: Host): Finding {
  if (status === null) return unknown('capabilities', NO_STATUS);
  const found = describeCapabilities(status);
  const lacks = USED.filter(name => !status.effective.has(name));
  if (lacks.length === 0) return ok('capabilities', found);
  return limited(
    'capabilities',
    found === NONE ? found : `${found}; of those that this package makes use of, not ${lacks.join(', ')}`,
    "unshare('user') with setIdMaps() gives a command all of them in its own namespaces; for more, give them to this process",
  );
}

function describeCapabilities({ effective, capabilityCount }: ProcessStatus): string {
  if (effective.size === 0) return NONE;
  if (effective.size === capabilityCount) return `all ${capabilityCount}`;
  if (effective.size <= NAMED_MAX) return [...effective].join(', ');
  const absent = capabilityNames(capabilityCount).filter(name => !effective.has(name));
  if (absent.length <= NAMED_MAX) return `all but ${absent.join(', ')}`;
  return `${effective.size} of ${capabilityCount}`;
}

export function noNewPrivsFinding({ status }: Host): Finding {
  const name = 'no_new_privs';
  if (status === null) return unknown(name, NO_STATUS);
  if (!status.noNewPrivs) return ok(name, 'not set');
  return limited(
    name,
    'set: programs that are setuid or have file capabilities, such as newuidmap, gain nothing',
    'start this process without it: systemd NoNewPrivileges=no, docker without --security-opt no-new-privileges, Kubernetes allowPrivilegeEscalation: true',
  );
}

export function seccompFinding({ status }: Host): Finding {
  if (status === null) return unknown('seccomp', NO_STATUS);
  if (!status.isFiltered) return ok('seccomp', 'no filter');
  return limited(
    'seccomp',
    'a filter decides which system calls this process and its children may make',
    `where another line is not ok for it, ${seccompAdvice}`,
  );
}
