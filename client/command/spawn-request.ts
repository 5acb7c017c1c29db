import type { FileToOpen } from './file-to-open';
import type { MountPropagation } from './mount-propagation';
import type { Namespace } from './namespace';
import type { FileSource } from './open-file';
import type { Step } from './step';

/** One row of an id map, of users or of groups. */
export interface IdMapRow {
  inside: number;
  outside: number;
  count: number;
}

/** Where a descriptor of the program comes from; with `inherit`, that is the client's of the same number. */
export type DescriptorKind =
  | 'inherit'
  | 'null-read'
  | 'null-write'
  | 'piped-read'
  | 'piped-write'
  | 'dup-file'
  | 'from-file'
  | 'file'
  | 'same';

export interface DescriptorRequest {
  /** Number in the program. */
  readonly number: number;
  readonly kind: DescriptorKind;
  /** For `dup-file` and `from-file`. */
  readonly file?: FileSource | null;
  /** For `file`. */
  readonly opened?: FileToOpen | null;
  /** For `same`: the number of another descriptor. */
  readonly target?: number | null;
}

/** Numbers from `from` on, up to and without `to`, which may be Infinity. */
export interface DescriptorRange {
  readonly from: number;
  readonly to: number;
}

/** A namespace to join: one of these sources. */
export interface JoinRequest {
  readonly namespace: Namespace;
  readonly source: { readonly path: Uint8Array } | { readonly fd: number } | { readonly pid: number };
}

export interface PivotRootRequest {
  readonly newRoot: Uint8Array;
  readonly putOld: Uint8Array;
  readonly unmount: boolean;
}

/** The first bytes that a program reads from the stream at its standard input, and whether they are all. */
export interface Streamed {
  readonly input: Uint8Array;
  readonly inputEnds: boolean;
}

/** A command at the moment of its spawn. Nothing in it changes afterwards. */
export interface SpawnRequest {
  /** The pipes are streams, whose bytes travel in messages; null if the client opens them. */
  readonly streamed: Streamed | null;
  readonly program: Uint8Array;
  /** argv, argv[0] included. */
  readonly arguments: Uint8Array[];
  /** envp, each `KEY=value`. */
  readonly environment: readonly Uint8Array[];
  /** Indexes in `environment` of the entries whose value the child replaces by its pid. */
  readonly pidVariables: number[];
  readonly currentDir: Uint8Array | null;
  readonly pivotRoot: PivotRootRequest | null;
  readonly chrootDir: Uint8Array | null;
  /** What each of the program's descriptors is; 0, 1 and 2 are always there, and nothing twice. */
  readonly descriptors: readonly DescriptorRequest[];
  readonly closeRanges: readonly DescriptorRange[];
  readonly namespaces: Namespace[];
  readonly mountPropagation: MountPropagation;
  readonly joins: readonly JoinRequest[];
  readonly uidMaps: IdMapRow[];
  readonly gidMaps: IdMapRow[];
  /** The maps are those of `mapAuto`, and looked up when the command is sent. */
  readonly autoMaps: boolean;
  readonly idMapCommands: { readonly newuidmap: Uint8Array; readonly newgidmap: Uint8Array } | null;
  readonly uid: number | null;
  readonly gid: number | null;
  readonly groups: readonly number[] | null;
  /** Numbers of the capabilities to keep, in order; null leaves them alone. */
  readonly keepCapabilities: readonly number[] | null;
  /** Null for the default, here and in `newSession`. */
  readonly makeGroupLeader: boolean | null;
  readonly newSession: boolean | null;
  /** The program's process group becomes the terminal's foreground group. */
  readonly foreground: boolean;
  readonly keepSignalMask: boolean;
  /** Number of the signal, or 0 for none. */
  readonly parentDeathSignal: number;
  readonly preExec: readonly Step[];
  /** Called while the child is frozen. */
  readonly beforeUnfreeze: ((pid: number) => unknown) | null;
}
