import type { Namespace } from '../command/namespace';
import { unshare } from '../messages';

import v1 = unshare.v1;

/** The numbers that the messages have for the kinds of namespaces. */
const NUMBERS: Record<Namespace, v1.Namespace> = {
  mount: v1.Namespace.NAMESPACE_MOUNT,
  uts: v1.Namespace.NAMESPACE_UTS,
  ipc: v1.Namespace.NAMESPACE_IPC,
  user: v1.Namespace.NAMESPACE_USER,
  pid: v1.Namespace.NAMESPACE_PID,
  net: v1.Namespace.NAMESPACE_NET,
  cgroup: v1.Namespace.NAMESPACE_CGROUP,
  time: v1.Namespace.NAMESPACE_TIME,
};

/** The number that this kind of namespace has in the messages. */
export function namespaceNumber(name: Namespace): v1.Namespace {
  return NUMBERS[name];
}

/** Name of the kind of namespace that has this number in the messages, or null where none has. */
export function namespaceName(number: number): Namespace | null {
  const entry = Object.entries(NUMBERS).find(([, value]) => value === number);
  return entry === undefined ? null : (entry[0] as Namespace);
}
