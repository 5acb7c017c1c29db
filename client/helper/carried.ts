import { existsSync, fstatSync } from 'fs';
import type { Namespace } from '../command/namespace';
import type { DescriptorRequest, SpawnRequest } from '../command/spawn-request';
import { descriptorName, shownDescriptor } from '../error/descriptor-name';
import { Errno } from '../error/errno';
import { UnshareError, type UnshareErrorFields } from '../error/error';
import { hasStandardPipes, runtime } from '../runtime';
import { inOrderOfHandover, whyNotHandedOver } from './handover';
import type { StandardStream } from './shared-streams';

/**
 * What a dedicated helper is started with for its command: a descriptor of the client, or a pipe that the runtime makes.
 * JavaScript cannot send a descriptor to a process that runs, but a new one inherits it.
 */
export interface Carried {
  /** Number in the program, or the namespace that it is to join. */
  readonly purpose: number | Namespace;
  /** The client's descriptor, or what the program does with the pipe. */
  readonly source: number | PipedKind;
  /** Where the helper has it. */
  readonly at: number;
}

/** The program reads from the pipe, or writes to it. */
type PipedKind = 'piped-read' | 'piped-write';

/** What the helper finds at each of its descriptors, as `child_process` takes it: `standard`, and what it carries. */
export function toStdioOption(
  standard: readonly StandardStream[],
  carried: readonly Carried[],
): StandardStream[] {
  const stdio = [...standard];
  for (const { source, at } of carried) stdio[at] = typeof source === 'number' ? source : 'pipe';
  return stdio;
}

/** Tells a helper that it is for one command, and how many descriptors it has for that behind its own. */
export function keepArguments(carried: readonly Carried[]): string[] {
  return carried.length === 0 ? [] : [`--keep=${carried.filter(({ at }) => at >= CARRIED_FIRST).length}`];
}

/** Where a dedicated helper has the first of those. */
const CARRIED_FIRST = 4;

/** `kept_descriptors_max` in helper/limits.zig. */
const CARRIED_MAX = 63;

/** Where the helper has what is for this purpose, or null where it has nothing for it. */
export function helperDescriptor(carried: readonly Carried[], purpose: number | Namespace): number | null {
  return carried.find(one => one.purpose === purpose)?.at ?? null;
}

/** Whether what the helper has for this purpose is open in the client too. */
export function isClients(carried: readonly Carried[], purpose: number): boolean {
  return carried.some(one => one.purpose === purpose && typeof one.source === 'number');
}

/** Whether the command has descriptors that only the client has. */
export function carriesFiles(request: SpawnRequest): boolean {
  return request.descriptors.some(isOfClient) || request.joins.some(({ source }) => 'fd' in source);
}

/** Whether the client has an end of one of the command's pipes. */
export function hasPipes(request: SpawnRequest): boolean {
  return request.descriptors.some(isPiped);
}

/**
 * What a dedicated helper needs for a command; the pipes too, where `withPipes`. Throws at the stages `StdioError` and
 * `SetNs`, EBADF or with what the runtime cannot do, and `Limit`.
 */
export function toCarried(request: SpawnRequest, withPipes: boolean): Carried[] {
  const wanted: Wanted[] = [];
  for (const descriptor of request.descriptors) {
    const { number, kind } = descriptor;
    const fields = descriptorFields(number);
    if (isOfClient(descriptor)) wanted.push({ purpose: number, source: openDescriptor(descriptor), fields });
    else if (withPipes && isPiped(descriptor))
      wanted.push({ purpose: number, source: kind as PipedKind, fields });
  }
  for (const { namespace, source } of request.joins) {
    if (!('fd' in source)) continue;
    const fields = namespaceFields(namespace);
    wanted.push({ purpose: namespace, source: openFile(source.fd, fields), fields });
  }
  return placed(wanted);
}

/** What is to be carried, and what an error has of it. */
type Wanted = Omit<Carried, 'at'> & { readonly fields: UnshareErrorFields };

function placed(wanted: readonly Wanted[]): Carried[] {
  const carried: Carried[] = [];
  let next = CARRIED_FIRST;
  for (const { purpose, source, fields } of inOrderOfHandover(wanted)) {
    // The program inherits 0, 1 and 2 of the helper.
    const isStandard = hasStandardPipes && typeof source === 'string' && (purpose as number) < 3;
    const at = isStandard ? (purpose as number) : next++;
    const reason = typeof source === 'number' ? whyNotHandedOver(source, at, carried) : null;
    if (reason !== null) throw new UnshareError({ ...fields, reason });
    carried.push({ purpose, source, at });
  }
  const count = next - CARRIED_FIRST;
  if (count > CARRIED_MAX) throw tooMany(count);
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

function isPiped(
  descriptor: DescriptorRequest,
): descriptor is DescriptorRequest & { readonly kind: PipedKind } {
  const { kind } = descriptor;
  return kind === 'piped-read' || kind === 'piped-write';
}

function openDescriptor({ number, file }: DescriptorRequest): number {
  return openFile(file ? file.descriptor : number, descriptorFields(number));
}

/** Throws with `fields` where the client does not have this descriptor open. */
function openFile(descriptor: number, fields: UnshareErrorFields): number {
  if (isOpen(descriptor)) return descriptor;
  const hint =
    descriptor >= 0
      ? `descriptor ${descriptor} of the client is closed`
      : 'the file is closed, or was given away';
  throw new UnshareError({ ...fields, errno: Errno.EBADF, syscall: 'fstat', hint });
}

function descriptorFields(number: number): UnshareErrorFields {
  return { stage: 'StdioError', item: descriptorName(number), shownItem: shownDescriptor(number) };
}

function namespaceFields(namespace: Namespace): UnshareErrorFields {
  return { stage: 'SetNs', item: namespace, shownItem: `the ${namespace} namespace` };
}

function isOpen(descriptor: number): boolean {
  if (descriptor < 0) return false;
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    // Deno's `fs` knows only what it has opened itself, not what Deno was started with.
    return runtime === 'deno' && existsSync(`/proc/self/fd/${descriptor}`);
  }
}

function tooMany(count: number): UnshareError {
  return new UnshareError({
    stage: 'Limit',
    doing: 'too many descriptors of the client',
    reason: `the command has ${count}; the limit is ${CARRIED_MAX}`,
  });
}
