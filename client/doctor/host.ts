import { release } from 'os';
import { Capability, capabilityName } from '../command/capability';
import { accountName } from './account';
import { HostFiles } from './host-files';

/** What the kernel says of this process in /proc/self/status (`man 5 proc`). */
export interface ProcessStatus {
  readonly effective: ReadonlySet<string>;
  /** How many capabilities the kernel knows. */
  readonly capabilityCount: number;
  readonly noNewPrivs: boolean;
  /** Whether a filter decides which system calls this process may make (mode 2). */
  readonly isFiltered: boolean;
}

/** The machine and this process on it, as far as files tell. */
export interface Host {
  readonly files: HostFiles;
  readonly kernel: string;
  readonly uid: number;
  readonly gid: number;
  /** The name of the account of `uid`, or null where there is none. */
  readonly account: string | null;
  /** Null without /proc. */
  readonly status: ProcessStatus | null;
}

export function readHost(root = '/'): Host {
  const files = new HostFiles(root);
  const uid = process.geteuid!();
  return {
    files,
    kernel: release(),
    uid,
    gid: process.getegid!(),
    account: accountName(files, uid),
    status: processStatus(files),
  };
}

/** Whether the kernel restricts this process as it does unprivileged ones. */
export function isUnprivileged({ status, uid }: Host): boolean {
  return status === null ? uid !== 0 : !status.effective.has(Capability.CAP_SYS_ADMIN);
}

function processStatus(files: HostFiles): ProcessStatus | null {
  const text = files.read('/proc/self/status');
  const effective = text === null ? null : field(text, 'CapEff');
  if (text === null || effective === null) return null;
  const capabilityCount = Number(files.setting('kernel/cap_last_cap') ?? 40) + 1;
  return {
    effective: capabilitiesOf(BigInt(`0x${effective}`), capabilityCount),
    capabilityCount,
    noNewPrivs: field(text, 'NoNewPrivs') === '1',
    isFiltered: field(text, 'Seccomp') === '2',
  };
}

function field(text: string, name: string): string | null {
  const match = new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(text);
  return match === null ? null : match[1]!;
}

/** Names of the capabilities below this number; one that has no name here is shown by its number. */
export function capabilityNames(count: number): string[] {
  return Array.from({ length: count }, (_, number) => capabilityName(number) ?? `capability ${number}`);
}

function capabilitiesOf(bits: bigint, count: number): Set<string> {
  const isSet = (number: number) => ((bits >> BigInt(number)) & BigInt(1)) === BigInt(1);
  return new Set(capabilityNames(count).filter((_, number) => isSet(number)));
}
