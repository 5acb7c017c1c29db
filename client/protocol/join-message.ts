import type { Namespace } from '../command/namespace';
import type { JoinRequest } from '../command/spawn-request';
import { UnshareError } from '../error/error';
import { type Carried, helperDescriptor } from '../helper/carried';
import { unshare } from '../messages';
import { namespaceNumber } from './namespace-number';

import v1 = unshare.v1;

/**
 * The namespaces that a command is to join, besides the new ones that it gets, `made`, by a helper that was started with
 * `carried`. Throws at the stage `SetNs`.
 */
export function toJoins(
  joins: readonly JoinRequest[],
  made: readonly Namespace[],
  carried: readonly Carried[],
): v1.Join.$Properties[] {
  return joins.map(({ namespace, source }) => {
    // The helper makes a new user namespace in the one that it joins.
    if (namespace !== 'user' && made.includes(namespace)) throw joinedAndMade(namespace);
    return { namespace: namespaceNumber(namespace), ...toSource(namespace, source, carried) };
  });
}

function toSource(
  namespace: Namespace,
  source: JoinRequest['source'],
  carried: readonly Carried[],
): v1.Join.$Properties {
  if ('pid' in source) return { pid: source.pid };
  if ('fd' in source) return { helperDescriptor: helperDescriptor(carried, namespace) };
  return { path: source.path };
}

function joinedAndMade(namespace: Namespace): UnshareError {
  return new UnshareError({
    stage: 'SetNs',
    item: namespace,
    doing: `cannot join a ${namespace} namespace`,
    reason: `the command is given a new one by unshare('${namespace}')`,
  });
}
