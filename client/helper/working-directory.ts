import { readlinkSync, statSync } from 'fs';
import { isAbsolute, pathInside } from '../command/path-components';
import type { SpawnRequest } from '../command/spawn-request';
import { Errno, errnoOf } from '../error/errno';

/** What a directory is to the kernel, whatever it is called. Bigints only if numbers are not exact. */
export interface DirectoryIdentity {
  readonly device: number | bigint;
  readonly inode: number | bigint;
}

/** The client's working directory at one moment. */
export interface WorkingDirectory {
  /** Null if the client may not look at it, as on Deno without permission to read. */
  readonly identity: DirectoryIdentity | null;
  /** A path that leads there, or null: it was removed, for instance, or its path is longer than PATH_MAX. */
  readonly path: Buffer | null;
}

/** What decides where a command starts. */
export type StartRequest = Pick<
  SpawnRequest,
  'currentDir' | 'pivotRoot' | 'chrootDir' | 'joins' | 'uidMaps' | 'gidMaps' | 'idMapCommands' | 'descriptors'
>;

/** Where a command starts, as the helper is told. */
export interface Start {
  /** The client's working directory, or null: that of the helper, or of no importance. */
  readonly clientDir: WorkingDirectory | null;
  /** With another root, a path inside it. */
  readonly startDir: Buffer | null;
}

/**
 * The client's working directory now. `known` is returned if it is the same and the command has no need of its path, which
 * takes longer to find and may have changed since.
 */
export function workingDirectory(
  known: WorkingDirectory | null = null,
  request: StartRequest | null = null,
): WorkingDirectory {
  const identity = identify('.') ?? identify(LINK);
  if (known !== null && isSame(identity, known.identity) && !(request && hasOtherRoot(request))) return known;
  return { identity, path: identity === null ? nameOf() : findPath(identity) };
}

/**
 * Where a command starts whose helper was started in `helperDirectory`. `current` is the client's directory.
 *
 * With new roots it is a path inside them: the client's directory without the path of the root in front, or
 * `/` where it is outside; the crate's rule.
 */
export function startOf(
  current: WorkingDirectory,
  helperDirectory: WorkingDirectory,
  request: StartRequest,
): Start {
  const startsThere = request.currentDir === null || !isAbsolute(request.currentDir);
  const otherRoot = hasOtherRoot(request);
  const matters = (startsThere && !otherRoot) || hasRelativePaths(request);
  return {
    clientDir: matters && !isSameDirectory(current, helperDirectory) ? current : null,
    startDir: startsThere && otherRoot ? insideRoots(current, rootsOf(request)) : null,
  };
}

/** Leads to the directory itself, and does not need permission to search it. */
const LINK = '/proc/self/cwd';

function identify(path: string | Buffer): DirectoryIdentity | null {
  try {
    return identityAt(path);
  } catch {
    return null;
  }
}

function identityAt(path: string | Buffer): DirectoryIdentity {
  const { dev, ino } = statSync(path);
  if (Number.isSafeInteger(dev) && Number.isSafeInteger(ino)) return { device: dev, inode: ino };
  const exact = statSync(path, { bigint: true });
  return { device: exact.dev, inode: exact.ino };
}

function isSame(one: DirectoryIdentity | null, other: DirectoryIdentity | null): boolean {
  return one?.device === other?.device && one?.inode === other?.inode;
}

function isSameDirectory(one: WorkingDirectory, other: WorkingDirectory): boolean {
  if (one.identity !== null || other.identity !== null) return isSame(one.identity, other.identity);
  // A client that may not even know the path cannot have changed its directory.
  return one.path === null || (other.path !== null && one.path.equals(other.path));
}

/** What the directory is called, if that leads to it. */
function findPath(identity: DirectoryIdentity): Buffer | null {
  const name = linkedName() ?? nameOf();
  if (name === null || !isAbsolute(name)) return null;
  try {
    return isSame(identityAt(name), identity) ? name : null;
  } catch (error) {
    // A directory above it cannot be searched. The kernel tells the name all the same.
    return errnoOf(error) === Errno.EACCES ? name : null;
  }
}

/** What the kernel calls it: Node, Bun and Deno may remember an old name. */
function linkedName(): Buffer | null {
  try {
    // On Deno it is a Uint8Array.
    return Buffer.from(readlinkSync(LINK, { encoding: 'buffer' }));
  } catch {
    return null;
  }
}

function nameOf(): Buffer | null {
  try {
    return Buffer.from(process.cwd(), 'utf8');
  } catch {
    return null;
  }
}

/** Whether paths may lead elsewhere for the program than for the client. */
function hasOtherRoot({ pivotRoot, chrootDir, joins }: StartRequest): boolean {
  return pivotRoot !== null || chrootDir !== null || joins.some(({ namespace }) => namespace === 'mount');
}

function rootsOf({ pivotRoot, chrootDir }: StartRequest): Uint8Array[] {
  const roots: Uint8Array[] = [];
  if (pivotRoot !== null) roots.push(pivotRoot.newRoot);
  // Inside the pivoted one.
  if (chrootDir !== null) roots.push(chrootDir);
  return roots;
}

/** In another mount namespace, the same path may be another directory: it has to be looked up there. */
function insideRoots(current: WorkingDirectory, roots: readonly Uint8Array[]): Buffer {
  const top = Buffer.from('/');
  return roots.reduce<Buffer>((path, root) => pathInside(path, root) ?? top, current.path ?? top);
}

/** Whether the helper needs the directory before the command has its root. */
function hasRelativePaths({ joins, idMapCommands, uidMaps, gidMaps, descriptors }: StartRequest): boolean {
  if (descriptors.some(({ opened }) => opened && !opened.inside && !isAbsolute(opened.path))) return true;
  if (joins.some(({ source }) => 'path' in source && !isAbsolute(source.path))) return true;
  if (idMapCommands === null || uidMaps.length + gidMaps.length === 0) return false;
  return !isAbsolute(idMapCommands.newuidmap) || !isAbsolute(idMapCommands.newgidmap);
}
