/** The kinds of namespaces that a command can have of its own (`man 7 namespaces`). */
export const Namespace = Object.freeze({
  Mount: 'mount',
  Uts: 'uts',
  Ipc: 'ipc',
  User: 'user',
  Pid: 'pid',
  Net: 'net',
  Cgroup: 'cgroup',
  Time: 'time',
} as const);

/** A kind of namespace, by its name. */
export type Namespace = (typeof Namespace)[keyof typeof Namespace];

const NAMES: ReadonlySet<unknown> = new Set(Object.values(Namespace));

/** Returns `value`, or throws a TypeError where it is not the name of a kind of namespace. */
export function checkNamespace(value: unknown): Namespace {
  if (NAMES.has(value)) return value as Namespace;
  const shown = typeof value === 'string' ? JSON.stringify(value) : typeof value;
  throw new TypeError(`a namespace must be one of ${[...NAMES].join(', ')}, not ${shown}`);
}
