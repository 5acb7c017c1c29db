import { unshare } from '../messages';
import type { SpawnMessage } from '../protocol/spawn-message';
import { Errno } from './errno';

import v1 = unshare.v1;

/** Why the namespace of this kind could not be joined (`man 2 setns`). */
export function joinHint(errno: number, kind: v1.Namespace, command: SpawnMessage): string | null {
  const join = command.joins.find(({ namespace }) => namespace === kind);
  switch (errno) {
    case Errno.EPERM:
      return privilegeHint(kind);
    case Errno.EINVAL:
      return kindHint(kind);
    case Errno.EACCES:
      return 'whoever opens a namespace of a process must be allowed to trace it (man 2 ptrace)';
    case Errno.ENOENT:
    case Errno.ESRCH:
      return missingHint(join);
    default:
      return null;
  }
}

function privilegeHint(kind: v1.Namespace): string {
  const { NAMESPACE_USER, NAMESPACE_MOUNT } = v1.Namespace;
  if (kind === NAMESPACE_USER) return 'it needs CAP_SYS_ADMIN in that user namespace';
  const both = "it needs CAP_SYS_ADMIN in the user namespace that owns it and in the command's own";
  return kind === NAMESPACE_MOUNT ? `${both}, and CAP_SYS_CHROOT` : both;
}

function kindHint(kind: v1.Namespace): string {
  const { NAMESPACE_USER, NAMESPACE_PID } = v1.Namespace;
  if (kind === NAMESPACE_USER) return 'it may be the user namespace that the helper is in already';
  if (kind === NAMESPACE_PID) {
    return "it may be of another kind, or not be below the helper's own pid namespace";
  }
  return 'it may be of another kind, or be no namespace';
}

function missingHint(join: v1.Join.$Properties | undefined): string | null {
  if (join?.pid)
    return 'there is no such process, or /proc is not mounted, or belongs to another pid namespace';
  return null;
}
