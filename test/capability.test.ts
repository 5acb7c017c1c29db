import * as assert from 'uvu/assert';
import { Capability, capabilityName, capabilityNumber } from '../client/command/capability';
import { checkMountPropagation } from '../client/command/mount-propagation';
import { checkNamespace, Namespace } from '../client/command/namespace';
import { suite } from './harness';

const test = suite('capability');

/** As in the kernel's linux/capability.h, number by number. */
const HEADER: [number, string][] = [
  [0, 'CAP_CHOWN'],
  [1, 'CAP_DAC_OVERRIDE'],
  [2, 'CAP_DAC_READ_SEARCH'],
  [3, 'CAP_FOWNER'],
  [4, 'CAP_FSETID'],
  [5, 'CAP_KILL'],
  [6, 'CAP_SETGID'],
  [7, 'CAP_SETUID'],
  [8, 'CAP_SETPCAP'],
  [9, 'CAP_LINUX_IMMUTABLE'],
  [10, 'CAP_NET_BIND_SERVICE'],
  [11, 'CAP_NET_BROADCAST'],
  [12, 'CAP_NET_ADMIN'],
  [13, 'CAP_NET_RAW'],
  [14, 'CAP_IPC_LOCK'],
  [15, 'CAP_IPC_OWNER'],
  [16, 'CAP_SYS_MODULE'],
  [17, 'CAP_SYS_RAWIO'],
  [18, 'CAP_SYS_CHROOT'],
  [19, 'CAP_SYS_PTRACE'],
  [20, 'CAP_SYS_PACCT'],
  [21, 'CAP_SYS_ADMIN'],
  [22, 'CAP_SYS_BOOT'],
  [23, 'CAP_SYS_NICE'],
  [24, 'CAP_SYS_RESOURCE'],
  [25, 'CAP_SYS_TIME'],
  [26, 'CAP_SYS_TTY_CONFIG'],
  [27, 'CAP_MKNOD'],
  [28, 'CAP_LEASE'],
  [29, 'CAP_AUDIT_WRITE'],
  [30, 'CAP_AUDIT_CONTROL'],
  [31, 'CAP_SETFCAP'],
  [32, 'CAP_MAC_OVERRIDE'],
  [33, 'CAP_MAC_ADMIN'],
  [34, 'CAP_SYSLOG'],
  [35, 'CAP_WAKE_ALARM'],
  [36, 'CAP_BLOCK_SUSPEND'],
  [37, 'CAP_AUDIT_READ'],
  [38, 'CAP_PERFMON'],
  [39, 'CAP_BPF'],
  [40, 'CAP_CHECKPOINT_RESTORE'],
];

test('every capability has the number that the kernel gives it', () => {
  assert.equal(
    HEADER.map(([, name]) => [capabilityNumber(name, 'x'), name]),
    HEADER,
  );
});

test('every number has the name that the kernel gives it', () => {
  assert.equal(
    HEADER.map(([number]) => [number, capabilityName(number)]),
    HEADER,
  );
});

test('Capability has every name, and nothing else', () => {
  assert.equal(
    Object.entries(Capability),
    HEADER.map(([, name]) => [name, name]),
  );
});

test('Capability cannot be changed', () => {
  assert.ok(Object.isFrozen(Capability));
});

test('a number without a capability has no name', () => {
  for (const number of [-1, 41, 64, 0.5, Number.NaN]) assert.is(capabilityName(number), null);
});

test('what is no name of a capability is a TypeError that names the argument', () => {
  const values = ['CAP_FLY', 'cap_chown', 'CHOWN', '', 'length', '__proto__', 0, 12, null, undefined, {}];
  for (const value of [...values, ['CAP_CHOWN'], Symbol('CAP_CHOWN')]) {
    assert.throws(() => capabilityNumber(value, 'keepCaps'), isTypeError(/^keepCaps must be the name of/));
  }
});

test('the error shows the name that is none', () => {
  assert.throws(() => capabilityNumber('chown"', 'keepCaps'), isTypeError(/not "chown\\""$/));
});

test('mount propagation has four modes', () => {
  for (const mode of ['private', 'slave', 'shared', 'unchanged'] as const) {
    assert.is(checkMountPropagation(mode), mode);
  }
});

test('another mode of mount propagation is a TypeError that names the argument', () => {
  for (const value of ['rprivate', 'PRIVATE', '', 0, true, null, undefined, ['private']]) {
    assert.throws(
      () => checkMountPropagation(value),
      isTypeError(/^mountPropagation must be one of private, slave/),
    );
  }
});

test('time is a kind of namespace', () => {
  assert.is(Namespace.Time, 'time');
  assert.is(checkNamespace('time'), 'time');
});

test.run();

function isTypeError(message: RegExp) {
  return (error: Error) => error instanceof TypeError && message.test(error.message);
}
