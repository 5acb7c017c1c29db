import { inspect } from 'util';
import { quoteBytes } from '../bytes';
import { checkCalls, type Signatures } from '../check/check-calls';
import { descriptorName } from '../error/descriptor-name';
import { isKind } from '../kind';
import { signalName, signalNumber } from '../signals';
import { capabilityName } from './capability';
import type { FileToOpen } from './file-to-open';
import { showCall } from './show-step';
import type { DescriptorRequest, IdMapRow, JoinRequest, SpawnRequest } from './spawn-request';
import type { Step } from './step';
import type { Style } from './style';

const EQUALS_SIGN = '='.charCodeAt(0);

/**
 * Shows a command as its style says (`unshare::Printer` of the crate): made by `Command.display`. Strings are
 * quoted as by `JSON.stringify`, and all that is not printable is escaped as well. In one that is not UTF-8, every byte that is not ASCII is `\xNN`, which is
 * in no other.
 */
export class Printer {
  private readonly request: SpawnRequest;
  private readonly style: Style;
  private readonly inheritsEnvironment: boolean;

  /** @internal With `inheritsEnvironment`, the environment is no part of what was set, and not shown. */
  constructor(request: SpawnRequest, style: Style, inheritsEnvironment = false) {
    if (!isKind(style, 'Style')) throw new TypeError('style must be a Style');
    this.request = request;
    this.style = style;
    this.inheritsEnvironment = inheritsEnvironment;
  }

  /** The text. */
  toString(): string {
    const { request, style } = this;
    if (style.isShort) return shortText(request, style.showsPath);
    const environment = this.inheritsEnvironment ? [] : [showEnvironment(request, style.showsEnvironment)];
    return `<Command ${[showCommandLine(request), ...environment, ...showSettings(request)].join('; ')}>`;
  }

  /** As `toString`, for `console.log`. */
  [inspect.custom](): string {
    return this.toString();
  }
}

const SIGNATURES: Signatures<Printer> = { toString: 0 };
checkCalls(Printer.prototype, 'Printer', SIGNATURES);

/** As `Style.short()` shows the command. */
export function shortText(request: SpawnRequest, showsPath = false): string {
  if (showsPath) return showCommandLine(request);
  const [argumentZero = request.program, ...rest] = request.arguments;
  return [lastComponent(argumentZero), ...rest].map(quoteBytes).join(' ');
}

function lastComponent(path: Uint8Array): Uint8Array {
  return path.subarray(path.lastIndexOf('/'.charCodeAt(0)) + 1);
}

/** Path of the program, argv[0] in parentheses where it is not the same, and the arguments. */
function showCommandLine({ program, arguments: [argumentZero = program, ...rest] }: SpawnRequest): string {
  const isSame = Buffer.compare(argumentZero, program) === 0;
  const shown = isSame ? quoteBytes(program) : `${quoteBytes(program)} (${quoteBytes(argumentZero)})`;
  return [shown, ...rest.map(quoteBytes)].join(' ');
}

function showEnvironment({ environment, pidVariables }: SpawnRequest, showsAll: boolean): string {
  if (!showsAll) return `environ[${environment.length}]`;
  const shown = environment.map((entry, index) => {
    const keyEnd = entry.indexOf(EQUALS_SIGN);
    // Not in quotes: the text "<pid>" is another value.
    const value = pidVariables.includes(index) ? '<pid>' : quoteBytes(entry.subarray(keyEnd + 1));
    return `${quoteBytes(entry.subarray(0, keyEnd))}=${value}`;
  });
  return `environ: {${shown.join(', ')}}`;
}

/** What is set, in the crate's order and form as far as it shows it. */
function showSettings(request: SpawnRequest): string[] {
  return [
    ...showRoot(request),
    ...showNamespaces(request),
    ...present('work-dir', request.currentDir, quoteBytes),
    ...showIds(request),
    ...present('keep_caps', request.keepCapabilities, showCapabilities),
    ...showDescriptors(request),
    ...showSignals(request),
    ...choice('group_leader', request.makeGroupLeader),
    ...choice('new_session', request.newSession),
    ...flag('before_unfreeze', request.beforeUnfreeze !== null),
    ...notEmpty('pre_exec', request.preExec, showStep),
  ];
}

function showRoot({ pivotRoot, chrootDir }: SpawnRequest): string[] {
  return [
    ...present('chroot', chrootDir, quoteBytes),
    ...present('pivot_root', pivotRoot, ({ newRoot, putOld, unmount }) => {
      return `(${quoteBytes(newRoot)};${quoteBytes(putOld)};${unmount})`;
    }),
  ];
}

function showNamespaces({ namespaces, mountPropagation, joins }: SpawnRequest): string[] {
  return [
    ...notEmpty('unshare', namespaces, name => name),
    ...notEmpty('set_namespace', joins, showJoin),
    ...present('mount_propagation', mountPropagation === 'private' ? null : mountPropagation, mode => mode),
  ];
}

function showJoin({ namespace, source }: JoinRequest): string {
  if ('path' in source) return `${namespace}=${quoteBytes(source.path)}`;
  return 'fd' in source ? `${namespace}=fd ${source.fd}` : `${namespace}=pid ${source.pid}`;
}

function showIds({ autoMaps, uidMaps, gidMaps, idMapCommands, uid, gid, groups }: SpawnRequest): string[] {
  return [
    ...flag('auto_maps', autoMaps),
    ...notEmpty('uid_map', uidMaps, showIdMapRow),
    ...notEmpty('gid_map', gidMaps, showIdMapRow),
    ...present('id_map_commands', idMapCommands, ({ newuidmap, newgidmap }) => {
      return `(${quoteBytes(newuidmap)};${quoteBytes(newgidmap)})`;
    }),
    ...present('uid', uid, String),
    ...present('gid', gid, String),
    ...present('gids', groups, numbers => `[${numbers.join(', ')}]`),
  ];
}

/** As in /proc/<pid>/uid_map. */
function showIdMapRow({ inside, outside, count }: IdMapRow): string {
  return `${inside} ${outside} ${count}`;
}

function showCapabilities(numbers: readonly number[]): string {
  return `[${numbers.map(number => capabilityName(number) ?? number).join(', ')}]`;
}

function showDescriptors({ descriptors, closeRanges }: SpawnRequest): string[] {
  const shown = descriptors
    .filter(({ number, kind }) => number > 2 || kind !== 'inherit')
    .map(descriptor => showDescriptor(descriptor));
  const close = notEmpty('close_fds', closeRanges, ({ from, to }) => `${from}..${to === Infinity ? '' : to}`);
  return [...shown, ...close];
}

function showDescriptor(descriptor: DescriptorRequest): string {
  const { number, kind, file, opened, target } = descriptor;
  const name = number > 2 ? `fd ${number}` : descriptorName(number);
  if (opened) return `${name}=file ${showFile(opened)}`;
  if (kind === 'same') return `${name}=same as ${target}`;
  if (file) return `${name}=${kind} ${file.descriptor}`;
  if (number > 2) return `fd ${number}=${kind}`;
  // The direction goes without saying, where it is the usual one.
  const direction = number === 0 ? /-read$/ : /-write$/;
  return `${descriptorName(number)}=${kind.replace(direction, '')}`;
}

function showFile(file: FileToOpen): string {
  const names = ['read', 'write', 'append', 'create', 'truncate', 'inside'] as const;
  const set: string[] = names.filter(name => file[name]);
  if (file.create) set.push(`mode ${file.mode.toString(8)}`);
  return `${quoteBytes(file.path)} (${set.join(', ')})`;
}

function showSignals({ parentDeathSignal, keepSignalMask }: SpawnRequest): string[] {
  const isDefault = parentDeathSignal === signalNumber('SIGKILL');
  return [
    ...flag('daemonize', parentDeathSignal === 0),
    ...present('death_signal', isDefault || parentDeathSignal === 0 ? null : parentDeathSignal, signalName),
    ...flag('keep_sigmask', keepSignalMask),
  ];
}

function showStep(step: Step): string {
  const call = showCall(step);
  return step.allowFailure ? `allow_failure(${call})` : call;
}

function present<T>(name: string, value: T | null, show: (value: T) => string): string[] {
  return value === null ? [] : [`${name}=${show(value)}`];
}

function notEmpty<T>(name: string, list: readonly T[], show: (item: T) => string): string[] {
  return list.length === 0 ? [] : [`${name}=[${list.map(item => show(item)).join(', ')}]`];
}

/** What has a default that is neither. */
function choice(name: string, value: boolean | null): string[] {
  return value === false ? [`${name}=false`] : flag(name, value === true);
}

function flag(name: string, isSet: boolean): string[] {
  return isSet ? [name] : [];
}
