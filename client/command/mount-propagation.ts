import { quote } from '../escape';
/**
 * What happens to changes of the mounts in a new mount namespace, and of those that they are copies of
 * (`man 7 mount_namespaces`):
 *
 * - `private`: they stay where they are made.
 * - `slave`: they come in, where the originals were shared, and do not go out.
 * - `shared`: they go to copies that are made from then on, and come back from there. Between mounts that
 *   were shared before and their originals they still go both ways.
 * - `unchanged`: whatever holds for the originals.
 */
export type MountPropagation = 'private' | 'slave' | 'shared' | 'unchanged';

const MODES: ReadonlySet<unknown> = new Set<MountPropagation>(['private', 'slave', 'shared', 'unchanged']);

/** Returns `value`, or throws a TypeError where it is no mode of mount propagation. */
export function checkMountPropagation(value: unknown): MountPropagation {
  if (MODES.has(value)) return value as MountPropagation;
  const shown = typeof value === 'string' ? quote(value) : typeof value;
  throw new TypeError(`mountPropagation must be one of ${[...MODES].join(', ')}, not ${shown}`);
}
