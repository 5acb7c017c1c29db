import { unshare } from './messages';
import type { Namespace } from './namespace';
import type { SpawnRequest } from './spawn-request';
import type { StdioKind } from './stdio';

import v1 = unshare.v1;

/** A `Spawn` with all its lists, and without the number that the channel gives to the command. */
export type SpawnMessage = v1.Spawn.$Properties & {
  program: Uint8Array;
  descriptors: v1.Descriptor.$Properties[];
  namespaces: v1.Namespace[];
  uidMaps: v1.IdMap.$Properties[];
  gidMaps: v1.IdMap.$Properties[];
};

/** The numbers that the messages have for the kinds of namespaces. */
const NAMESPACES: Record<Namespace, v1.Namespace> = {
  mount: v1.Namespace.NAMESPACE_MOUNT,
  uts: v1.Namespace.NAMESPACE_UTS,
  ipc: v1.Namespace.NAMESPACE_IPC,
  user: v1.Namespace.NAMESPACE_USER,
  pid: v1.Namespace.NAMESPACE_PID,
  net: v1.Namespace.NAMESPACE_NET,
  cgroup: v1.Namespace.NAMESPACE_CGROUP,
};

/**
 * The message that asks for a command. `startDir` is where its working directory starts, or null for that of
 * the helper.
 */
export function toSpawnMessage(request: SpawnRequest, startDir: string | null): SpawnMessage {
  const message: SpawnMessage = {
    program: request.program,
    arguments: request.arguments,
    environment: request.environment,
    currentDir: request.currentDir,
    umask: currentUmask(),
    descriptors: toDescriptors(request.stdio),
    namespaces: request.namespaces.map(name => NAMESPACES[name]),
    uidMaps: request.uidMaps,
    gidMaps: request.gidMaps,
    uid: request.uid,
    gid: request.gid,
    makeGroupLeader: request.makeGroupLeader,
    parentDeathSignal: request.parentDeathSignal,
  };
  if (startDir !== null) message.startDir = Buffer.from(startDir, 'utf8');
  return message;
}

/** Name of the kind of namespace that has this number in the messages, or null where none has. */
export function namespaceName(number: number): Namespace | null {
  const entry = Object.entries(NAMESPACES).find(([, value]) => value === number);
  return entry === undefined ? null : (entry[0] as Namespace);
}

/** Lists what is not inherited: the helper's own 0, 1 and 2 are the default. */
function toDescriptors(stdio: readonly StdioKind[]): v1.Descriptor.$Properties[] {
  const descriptors: v1.Descriptor.$Properties[] = [];
  stdio.forEach((kind, number) => {
    if (kind !== 'inherit') descriptors.push({ number, source: toSource(kind, number === 0) });
  });
  return descriptors;
}

function toSource(kind: 'null' | 'piped', programReads: boolean): v1.DescriptorSource {
  const { DescriptorSource } = v1;
  if (kind === 'null') {
    return programReads
      ? DescriptorSource.DESCRIPTOR_SOURCE_NULL_READ
      : DescriptorSource.DESCRIPTOR_SOURCE_NULL_WRITE;
  }
  return programReads
    ? DescriptorSource.DESCRIPTOR_SOURCE_PIPE_READ
    : DescriptorSource.DESCRIPTOR_SOURCE_PIPE_WRITE;
}

/** The client's umask, or null where the runtime does not let it be read; then the helper's own holds. */
function currentUmask(): number | null {
  try {
    return process.umask();
  } catch {
    return null;
  }
}
