import { types } from 'util';
import { type Path, toPath } from '../path';
import { checkInteger } from './ids';
import type { JoinRequest } from './spawn-request';

/**
 * Where a namespace is found: a path or `file:` URL, as `/proc/1/ns/net` or what `ip netns add` makes; an open file, by its
 * number or as a `FileHandle`; or a process that is in it, which a `Child` is too.
 */
export type NamespaceSource =
  | Path
  | number
  | {
      /** The number of the client's descriptor. */
      readonly fd: number;
    }
  | {
      /** The process, as the helper's pid namespace numbers it. */
      readonly pid: number;
    };

const INT_MAX = 2 ** 31 - 1;

/**
 * The source that `value` stands for. Throws a TypeError or a RangeError, naming the argument, where it is
 * none.
 */
export function toJoinSource(value: NamespaceSource): JoinRequest['source'] {
  if (typeof value === 'string' || types.isUint8Array(value) || 'href' in Object(value)) {
    const path = toPath(value, 'source');
    if (path.length === 0) throw new TypeError('source must not be empty');
    return { path };
  }
  if (typeof value === 'number') return { fd: checkDescriptor(value, 'source') };
  const { fd, pid } = (value ?? {}) as { fd?: unknown; pid?: unknown };
  if (typeof pid === 'number') return { pid: checkInteger(pid, 'source.pid', 1, INT_MAX) };
  // That of a `FileHandle` which was closed is -1.
  if (typeof fd === 'number') return { fd: checkDescriptor(fd, 'source.fd') };
  throw new TypeError('source must be a path, a descriptor, an open file or { pid }');
}

function checkDescriptor(value: number, name: string): number {
  return checkInteger(value, name, 0, INT_MAX);
}
