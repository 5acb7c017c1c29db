import type { Namespace } from './namespace';
import type { StdioKind } from './stdio';

/** One row of an id map, of users or of groups. */
export interface IdMapRow {
  inside: number;
  outside: number;
  count: number;
}

/** A command at the moment of its spawn. Nothing in it changes afterwards. */
export interface SpawnRequest {
  readonly program: Uint8Array;
  /** argv, argv[0] included. */
  readonly arguments: Uint8Array[];
  /** envp, each `KEY=value`. */
  readonly environment: Uint8Array[];
  readonly currentDir: Uint8Array | null;
  /** What descriptors 0, 1 and 2 are. */
  readonly stdio: readonly [StdioKind, StdioKind, StdioKind];
  readonly namespaces: Namespace[];
  readonly uidMaps: IdMapRow[];
  readonly gidMaps: IdMapRow[];
  readonly uid: number | null;
  readonly gid: number | null;
  readonly makeGroupLeader: boolean;
  /** Number of the signal, or 0 for none. */
  readonly parentDeathSignal: number;
}
