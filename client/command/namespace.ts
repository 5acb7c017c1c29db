import { quote } from '../escape';
/** The kinds of namespaces that a command can have of its own (`man 7 namespaces`). */
export const Namespace = Object.freeze({
  /** Mount points (`man 7 mount_namespaces`). */
  Mount: 'mount',
  /** Host name and domain name (`man 7 uts_namespaces`). */
  Uts: 'uts',
  /** System V IPC and POSIX message queues (`man 7 ipc_namespaces`). */
  Ipc: 'ipc',
  /** User and group ids, and capabilities (`man 7 user_namespaces`). */
  User: 'user',
  /** Process ids; the program is process 1 (`man 7 pid_namespaces`). */
  Pid: 'pid',
  /** Network devices, addresses, ports (`man 7 network_namespaces`). */
  Net: 'net',
  /** The root of the control groups (`man 7 cgroup_namespaces`). */
  Cgroup: 'cgroup',
  /** The monotonic and the boot-time clock (`man 7 time_namespaces`). */
  Time: 'time',
} as const);

/** A kind of namespace, by its name. */
export type Namespace = (typeof Namespace)[keyof typeof Namespace];

const NAMES: ReadonlySet<unknown> = new Set(Object.values(Namespace));

/** Returns `value`, or throws a TypeError where it is not the name of a kind of namespace. */
export function checkNamespace(value: unknown): Namespace {
  if (NAMES.has(value)) return value as Namespace;
  const shown = typeof value === 'string' ? quote(value) : typeof value;
  throw new TypeError(`a namespace must be one of ${[...NAMES].join(', ')}, not ${shown}`);
}
