import { quote } from '../escape';

/** The capabilities by number: that of each is its place in the list. */
const NAMES = [
  'CAP_CHOWN',
  'CAP_DAC_OVERRIDE',
  'CAP_DAC_READ_SEARCH',
  'CAP_FOWNER',
  'CAP_FSETID',
  'CAP_KILL',
  'CAP_SETGID',
  'CAP_SETUID',
  'CAP_SETPCAP',
  'CAP_LINUX_IMMUTABLE',
  'CAP_NET_BIND_SERVICE',
  'CAP_NET_BROADCAST',
  'CAP_NET_ADMIN',
  'CAP_NET_RAW',
  'CAP_IPC_LOCK',
  'CAP_IPC_OWNER',
  'CAP_SYS_MODULE',
  'CAP_SYS_RAWIO',
  'CAP_SYS_CHROOT',
  'CAP_SYS_PTRACE',
  'CAP_SYS_PACCT',
  'CAP_SYS_ADMIN',
  'CAP_SYS_BOOT',
  'CAP_SYS_NICE',
  'CAP_SYS_RESOURCE',
  'CAP_SYS_TIME',
  'CAP_SYS_TTY_CONFIG',
  'CAP_MKNOD',
  'CAP_LEASE',
  'CAP_AUDIT_WRITE',
  'CAP_AUDIT_CONTROL',
  'CAP_SETFCAP',
  'CAP_MAC_OVERRIDE',
  'CAP_MAC_ADMIN',
  'CAP_SYSLOG',
  'CAP_WAKE_ALARM',
  'CAP_BLOCK_SUSPEND',
  'CAP_AUDIT_READ',
  'CAP_PERFMON',
  'CAP_BPF',
  'CAP_CHECKPOINT_RESTORE',
] as const;

/** Name of a capability, as in `man 7 capabilities`. */
export type Capability = (typeof NAMES)[number];

/** The capabilities by name: `Capability.CAP_CHOWN` is `'CAP_CHOWN'`. */
export const Capability = Object.freeze(Object.fromEntries(NAMES.map(name => [name, name]))) as {
  readonly [Name in Capability]: Name;
};

const NUMBER_OF: ReadonlyMap<unknown, number> = new Map(NAMES.map((name, number) => [name, number]));

/**
 * Number of the capability that `value` names. Throws a TypeError that names the argument, `name`, where it
 * names none.
 */
export function capabilityNumber(value: unknown, name: string): number {
  const number = NUMBER_OF.get(value);
  if (number !== undefined) return number;
  const shown = typeof value === 'string' ? quote(value) : typeof value;
  throw new TypeError(`${name} must be the name of a capability, CAP_CHOWN for instance, not ${shown}`);
}

/** Name of the capability with this number, or null where there is none. */
export function capabilityName(number: number): Capability | null {
  return NAMES[number] ?? null;
}
