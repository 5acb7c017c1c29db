import type { MountPropagation } from '../command/mount-propagation';
import type {
  DescriptorKind,
  DescriptorRange,
  DescriptorRequest,
  SpawnRequest,
} from '../command/spawn-request';
import { shownDescriptor } from '../error/descriptor-name';
import { type Carried, helperDescriptor, isClients } from '../helper/carried';
import type { Start } from '../helper/working-directory';
import { unshare } from '../messages';
import { toClientDir } from './client-dir-message';
import { toJoins } from './join-message';
import { namespaceNumber } from './namespace-number';
import { toSteps } from './step-message';
import { currentUmask } from './umask';

import v1 = unshare.v1;

/** A `Spawn` with all its lists, and without the number that the channel gives to the command. */
export type SpawnMessage = v1.Spawn.$Properties & {
  program: Uint8Array;
  descriptors: v1.Descriptor.$Properties[];
  namespaces: v1.Namespace[];
  joins: v1.Join.$Properties[];
  uidMaps: v1.IdMap.$Properties[];
  gidMaps: v1.IdMap.$Properties[];
  preExec: v1.Step.$Properties[];
};

const SOURCES: Record<DescriptorKind, v1.DescriptorSource> = {
  // The helper has been given it.
  'dup-file': v1.DescriptorSource.DESCRIPTOR_SOURCE_HELPER,
  'from-file': v1.DescriptorSource.DESCRIPTOR_SOURCE_HELPER,
  file: v1.DescriptorSource.DESCRIPTOR_SOURCE_FILE,
  inherit: v1.DescriptorSource.DESCRIPTOR_SOURCE_INHERIT,
  'null-read': v1.DescriptorSource.DESCRIPTOR_SOURCE_NULL_READ,
  'null-write': v1.DescriptorSource.DESCRIPTOR_SOURCE_NULL_WRITE,
  'piped-read': v1.DescriptorSource.DESCRIPTOR_SOURCE_PIPE_READ,
  'piped-write': v1.DescriptorSource.DESCRIPTOR_SOURCE_PIPE_WRITE,
  same: v1.DescriptorSource.DESCRIPTOR_SOURCE_SAME,
};

const { DESCRIPTOR_SOURCE_STREAM_READ: STREAM_READ, DESCRIPTOR_SOURCE_STREAM_WRITE: STREAM_WRITE } =
  v1.DescriptorSource;

const PROPAGATIONS: Record<MountPropagation, v1.MountPropagation> = {
  private: v1.MountPropagation.MOUNT_PROPAGATION_PRIVATE,
  slave: v1.MountPropagation.MOUNT_PROPAGATION_SLAVE,
  shared: v1.MountPropagation.MOUNT_PROPAGATION_SHARED,
  unchanged: v1.MountPropagation.MOUNT_PROPAGATION_UNCHANGED,
};

/** The last number in the messages, and in `man 2 close_range`. */
const DESCRIPTOR_MAX = 2 ** 32 - 1;

/**
 * The message that asks a helper, which was started with `carried`, for a command.
 *
 * Throws at the stage `SetNs` where a kind of namespace is new and joined.
 */
export function toSpawnMessage(
  request: SpawnRequest,
  { clientDir, startDir }: Start,
  carried: readonly Carried[] = [],
): SpawnMessage {
  return {
    program: request.program,
    arguments: request.arguments,
    // The messages have lists that could be changed, and nobody does.
    environment: request.environment as Uint8Array[],
    pidVariables: request.pidVariables,
    clientDir: clientDir === null ? null : toClientDir(clientDir),
    startDir,
    currentDir: request.currentDir,
    pivotRoot: request.pivotRoot,
    chrootDir: request.chrootDir,
    umask: currentUmask(),
    descriptors: toDescriptors(request, carried),
    closeDescriptors: request.closeRanges.map(toRange),
    namespaces: request.namespaces.map(namespaceNumber),
    mountPropagation: PROPAGATIONS[request.mountPropagation],
    joins: toJoins(request.joins, request.namespaces, carried),
    uidMaps: request.uidMaps,
    gidMaps: request.gidMaps,
    idMapCommands: toIdMapCommands(request),
    uid: request.uid,
    gid: request.gid,
    groups: request.groups === null ? null : { gids: [...request.groups] },
    keepCapabilities: request.keepCapabilities === null ? null : toBits(request.keepCapabilities),
    makeGroupLeader: request.makeGroupLeader,
    newSession: request.newSession,
    foreground: request.foreground,
    keepSignalMask: request.keepSignalMask,
    parentDeathSignal: request.parentDeathSignal,
    preExec: toSteps(request.preExec),
    freeze: request.beforeUnfreeze !== null,
  };
}

/** Lists what is not inherited: the helper's own 0, 1 and 2 are the default. */
function toDescriptors(
  { descriptors, streamed }: SpawnRequest,
  carried: readonly Carried[],
): v1.Descriptor.$Properties[] {
  return descriptors
    .filter(
      ({ number, kind }) =>
        number > 2 || (kind !== 'inherit' && helperDescriptor(carried, number) !== number),
    )
    .map(descriptor => {
      const { number, kind } = descriptor;
      if (kind === 'file') return { number, source: SOURCES.file, file: descriptor.opened ?? null };
      if (kind === 'same') return { number, source: SOURCES.same, sameAs: toTarget(descriptor, descriptors) };
      const kept = helperDescriptor(carried, number);
      if (streamed !== null && kind === 'piped-read') {
        return number === 0 ? { number, source: STREAM_READ, ...streamed } : { number, source: STREAM_READ };
      }
      if (streamed !== null && kind === 'piped-write') return { number, source: STREAM_WRITE };
      if (kept === null) return { number, source: SOURCES[kind] };
      return {
        number,
        source: v1.DescriptorSource.DESCRIPTOR_SOURCE_HELPER,
        helperDescriptor: kept,
        isClients: isClients(carried, number),
      };
    });
}

/** The number whose source it is in the end. */
function toTarget({ number, target }: DescriptorRequest, all: readonly DescriptorRequest[]): number {
  const next = all.find(one => one.number === target);
  if (next === undefined) {
    throw new TypeError(
      `${shownDescriptor(number)} cannot be the same as ${target}: the program has no descriptor ${target}`,
    );
  }
  // The builder lets none be the same as itself.
  return next.kind === 'same' ? toTarget(next, all) : next.number;
}

function toRange({ from, to }: DescriptorRange): v1.DescriptorRange.$Properties {
  return { first: from, last: Math.min(to - 1, DESCRIPTOR_MAX) };
}

function toIdMapCommands({
  idMapCommands,
  uidMaps,
  gidMaps,
}: SpawnRequest): v1.IdMapCommands.$Properties | null {
  // Without maps they are not run, and need not be found.
  return uidMaps.length + gidMaps.length === 0 ? null : idMapCommands;
}

/** Bit n for each number n of `numbers`, in which none is twice. They are far below 53. */
function toBits(numbers: readonly number[]): number {
  return numbers.reduce((bits, number) => bits + 2 ** number, 0);
}
