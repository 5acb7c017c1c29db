import { fstatSync } from 'fs';
import { descriptorName, shownDescriptor } from './descriptor-name';
import { Errno } from './errno';
import { UnshareError } from './error';
import type { DescriptorRequest, SpawnRequest } from './spawn-request';

/**
 * What a dedicated helper is started with for its command: a descriptor of the client, or a pipe that the runtime makes.
 * JavaScript cannot send a descriptor to a process that runs, but a new one inherits it.
 */
export interface Carried {
  /** Number in the program. */
  readonly number: number;
  /** As `child_process` takes it. */
  readonly stdio: number | 'pipe';
}

/** Where a dedicated helper has the first of them. */
export const CARRIED_FIRST = 4;

/** `kept_descriptors_max` in helper/limits.zig. */
const CARRIED_MAX = 64;

/** Whether the command has descriptors that only the client has. */
export function carriesFiles(request: SpawnRequest): boolean {
  return request.descriptors.some(isOfClient);
}

/** Whether the client has an end of one of the command's pipes. */
export function hasPipes(request: SpawnRequest): boolean {
  return request.descriptors.some(isPiped);
}

/**
 * What a dedicated helper needs for a command; the pipes too, where `withPipes`. Throws at the stages `StdioError`,
 * EBADF, and `Limit`.
 */
export function toCarried(request: SpawnRequest, withPipes: boolean): Carried[] {
  const carried: Carried[] = [];
  for (const descriptor of request.descriptors) {
    const { number } = descriptor;
    if (isOfClient(descriptor)) carried.push({ number, stdio: openDescriptor(descriptor) });
    else if (withPipes && isPiped(descriptor)) carried.push({ number, stdio: 'pipe' });
  }
  if (carried.length > CARRIED_MAX) throw tooMany(carried.length);
  return carried;
}

/** Closes what `fromFile` gave to the command. */
export function releaseFiles(request: SpawnRequest): void {
  for (const { file } of request.descriptors) file?.release();
}

function isOfClient({ number, kind }: DescriptorRequest): boolean {
  // The helper has the client's 0, 1 and 2.
  return kind === 'dup-file' || kind === 'from-file' || (kind === 'inherit' && number > 2);
}

function isPiped({ kind }: DescriptorRequest): boolean {
  return kind === 'piped-read' || kind === 'piped-write';
}

function openDescriptor({ number, file }: DescriptorRequest): number {
  const descriptor = file ? file.descriptor : number;
  try {
    if (descriptor >= 0) {
      fstatSync(descriptor);
      return descriptor;
    }
  } catch {
    // It is not open.
  }
  throw new UnshareError({
    stage: 'StdioError',
    errno: Errno.EBADF,
    syscall: 'fstat',
    item: descriptorName(number),
    shownItem: shownDescriptor(number),
    hint:
      descriptor >= 0
        ? `descriptor ${descriptor} of the client is closed`
        : 'the file is closed, or was given away',
  });
}

function tooMany(count: number): UnshareError {
  return new UnshareError({
    stage: 'Limit',
    doing: 'too many descriptors of the client',
    reason: `the command has ${count}; the limit is ${CARRIED_MAX}`,
  });
}
