import { closeSync, constants, fstatSync, openSync, readlinkSync, statSync } from 'fs';
import { descriptorName, shownDescriptor } from '../error/descriptor-name';
import { Errno, errnoOf } from '../error/errno';
import { UnshareError } from '../error/error';
import { pipeHint } from '../error/hint-pipe';
import { quote } from '../escape';
import { CONTROL_FD } from '../helper/helper-process';
import { unshare } from '../messages';
import { protocolViolation } from '../protocol/protocol-errors';
import { PipeReader } from './pipe-reader';
import { PipeWriter } from './pipe-writer';

import v1 = unshare.v1;

const { O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** The helper that holds the client's ends. */
interface PipeHolder {
  readonly path: string;
  readonly pid: number | null;
}

/**
 * Throws at the stage `Protocol` unless there is one pipe for each descriptor that was asked to be one, and
 * no other.
 */
export function checkPipes(
  helperPath: string,
  asked: readonly v1.Descriptor.$Properties[],
  told: readonly v1.Pipe.$Properties[],
): void {
  const expected = asked.filter(isPipe).map(({ number }) => number ?? 0);
  const numbers = told.map(({ number }) => number ?? 0);
  if (`${numbers.sort()}` !== `${expected.sort()}`) {
    throw protocolViolation(helperPath, 'Spawned with other pipes than were asked for');
  }
}

function isPipe(descriptor: v1.Descriptor.$Properties): boolean {
  const { DESCRIPTOR_SOURCE_PIPE_WRITE } = v1.DescriptorSource;
  return isReadByProgram(descriptor) || descriptor.source === DESCRIPTOR_SOURCE_PIPE_WRITE;
}

function isReadByProgram({ source }: v1.Descriptor.$Properties): boolean {
  return source === v1.DescriptorSource.DESCRIPTOR_SOURCE_PIPE_READ;
}

/**
 * Opens the client's ends of a command's pipes, by their number in the program. Both lists have the same
 * ones. The helper has to hold them until this returns. Throws at the stage `PipeError`, and leaves none
 * open.
 */
export function openPipes(
  holder: PipeHolder,
  asked: readonly v1.Descriptor.$Properties[],
  pipes: readonly v1.Pipe.$Properties[],
): Map<number, PipeReader | PipeWriter> {
  const ends = new Map<number, PipeReader | PipeWriter>();
  try {
    for (const pipe of pipes) {
      const number = pipe.number ?? 0;
      const writes = asked.some(descriptor => descriptor.number === number && isReadByProgram(descriptor));
      const descriptor = openPipe(holder, pipe, writes ? O_WRONLY : O_RDONLY);
      ends.set(number, writes ? new PipeWriter(descriptor) : new PipeReader(descriptor));
    }
  } catch (error) {
    for (const end of ends.values()) end.destroy();
    throw error;
  }
  return ends;
}

/**
 * Opens a pipe anew through the helper's descriptor: a pipe can be opened that way by whoever may look at its
 * holder.
 */
function openPipe(holder: PipeHolder, pipe: v1.Pipe.$Properties, direction: number): number {
  const path = `/proc/${holder.pid}/fd/${pipe.helperDescriptor}`;
  const number = pipe.number ?? 0;
  const fields = {
    stage: 'PipeError',
    item: descriptorName(number),
    shownItem: shownDescriptor(number),
    path,
  } as const;
  let descriptor: number;
  try {
    descriptor = openSync(path, direction | O_NONBLOCK);
  } catch (cause) {
    const errno = errnoOf(cause);
    throw new UnshareError({ ...fields, errno, syscall: 'open', hint: openHint(errno, holder), cause });
  }
  // In a pid namespace without a /proc of its own, the path may lead to another process.
  if (isSamePipe(descriptor, pipe)) return descriptor;
  closeSync(descriptor);
  throw new UnshareError({ ...fields, reason: `${path} is another file`, hint: FOREIGN_PROC });
}

/**
 * Whether what the helper has open can be opened by the client: `/proc` must be that of its pid namespace, and the
 * helper a process that it may look at.
 */
export function arePipesReachable(pid: number | null, hello: v1.Hello): boolean {
  try {
    const { ino } = statSync(`/proc/${pid}/fd/${CONTROL_FD}`, { bigint: true });
    return `${ino}` === `${hello.controlInode}`;
  } catch {
    return false;
  }
}

function isSamePipe(descriptor: number, pipe: v1.Pipe.$Properties): boolean {
  // As text: the messages have numbers, and these are bigints. A device or an inode that is beyond 2⁵³ would be taken for
  // another; the kernel gives pipes numbers of 32 bits.
  const { dev, ino } = fstatSync(descriptor, { bigint: true });
  return `${dev}` === `${pipe.device}` && `${ino}` === `${pipe.inode}`;
}

const FOREIGN_PROC = '/proc is not mounted, or belongs to another pid namespace';

function openHint(errno: number | null, holder: PipeHolder): string | null {
  if (errno === Errno.EMFILE) return pipeHint(errno);
  if (errno === Errno.ENOENT || isProcForeign()) return FOREIGN_PROC;
  if (errno === Errno.EACCES) {
    return `this user must be able to read the helper's file (mode 0755): ${quote(holder.path)}`;
  }
  return null;
}

/** In another pid namespace's /proc, `self` is this process by another number, or not there. */
function isProcForeign(): boolean {
  try {
    return readlinkSync('/proc/self') !== String(process.pid);
  } catch {
    return true;
  }
}
