import { constants as ofNode } from 'fs';
import * as assert from 'uvu/assert';
import * as constants from '../client/constants';
import { suite } from './harness';

const test = suite('constants');

/** From the kernel's headers, by hand: numbers that look like others, and those that other tests build upon. */
const HEADERS: Record<string, number> = {
  PR_SET_PDEATHSIG: 1,
  PR_SET_DUMPABLE: 4,
  PR_SET_KEEPCAPS: 8,
  PR_SET_NAME: 15,
  PR_SET_SECCOMP: 22,
  PR_CAPBSET_DROP: 24,
  PR_SET_SECUREBITS: 28,
  PR_SET_TIMERSLACK: 29,
  PR_SET_CHILD_SUBREAPER: 36,
  PR_SET_NO_NEW_PRIVS: 38,
  PR_SET_THP_DISABLE: 41,
  PR_CAP_AMBIENT: 47,
  PR_CAP_AMBIENT_IS_SET: 1,
  PR_CAP_AMBIENT_RAISE: 2,
  PR_CAP_AMBIENT_LOWER: 3,
  PR_CAP_AMBIENT_CLEAR_ALL: 4,
  PR_SET_MDWE: 65,
  SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED: 1 << 7,
  MS_REMOUNT: 32,
  MS_NOSYMFOLLOW: 256,
  MS_NOATIME: 1024,
  MS_BIND: 4096,
  MS_MOVE: 8192,
  MS_REC: 16384,
  MS_UNBINDABLE: 1 << 17,
  MS_PRIVATE: 1 << 18,
  MS_SLAVE: 1 << 19,
  MS_SHARED: 1 << 20,
  MS_RELATIME: 1 << 21,
  MS_I_VERSION: 1 << 23,
  MS_STRICTATIME: 1 << 24,
  MS_LAZYTIME: 1 << 25,
  MNT_DETACH: 2,
  UMOUNT_NOFOLLOW: 8,
  OPEN_TREE_CLOEXEC: 0o2000000,
  MOVE_MOUNT_F_EMPTY_PATH: 4,
  MOVE_MOUNT_T_EMPTY_PATH: 0x40,
  FSCONFIG_CMD_CREATE: 6,
  MOUNT_ATTR_IDMAP: 0x100000,
  O_RDWR: 2,
  O_CLOEXEC: 0o2000000,
  O_PATH: 0o10000000,
  AT_FDCWD: -100,
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_SYMLINK_FOLLOW: 0x400,
  AT_EMPTY_PATH: 0x1000,
  AT_RECURSIVE: 0x8000,
  F_DUPFD_CLOEXEC: 1030,
  F_ADD_SEALS: 1033,
  MAP_FIXED_NOREPLACE: 0x100000,
  CLOSE_RANGE_CLOEXEC: 4,
  TIOCSCTTY: 0x540e,
  TIOCNOTTY: 0x5422,
  CLONE_NEWTIME: 0x80,
  CLONE_NEWNS: 0x20000,
  CLONE_NEWCGROUP: 0x02000000,
  CLONE_NEWUTS: 0x04000000,
  CLONE_NEWIPC: 0x08000000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWPID: 0x20000000,
  CLONE_NEWNET: 0x40000000,
  // 5, 6, 7, 8 and 9 are others on MIPS and SPARC, and on nothing that the helper runs on.
  RLIMIT_CORE: 4,
  RLIMIT_RSS: 5,
  RLIMIT_NPROC: 6,
  RLIMIT_NOFILE: 7,
  RLIMIT_MEMLOCK: 8,
  RLIMIT_AS: 9,
  RLIMIT_RTTIME: 15,
  SCHED_BATCH: 3,
  SCHED_IDLE: 5,
  SCHED_DEADLINE: 6,
  SCHED_RESET_ON_FORK: 0x40000000,
  IOPRIO_CLASS_IDLE: 3,
  IOPRIO_CLASS_SHIFT: 13,
  ADDR_NO_RANDOMIZE: 0x40000,
  LANDLOCK_ACCESS_FS_IOCTL_DEV: 1 << 15,
  SIOCSIFFLAGS: 0x8914,
  KEYCTL_JOIN_SESSION_KEYRING: 1,
};

/** The flags of `open` that depend on the architecture, from arch/…/include/uapi/asm/fcntl.h. */
const GENERIC = {
  O_DIRECT: 0o40000,
  O_LARGEFILE: 0o100000,
  O_DIRECTORY: 0o200000,
  O_NOFOLLOW: 0o400000,
  O_TMPFILE: 0o20200000,
};
const ARM = {
  O_DIRECTORY: 0o40000,
  O_NOFOLLOW: 0o100000,
  O_DIRECT: 0o200000,
  O_LARGEFILE: 0o400000,
  O_TMPFILE: 0o20040000,
};

test('the numbers are those of the headers', () => {
  for (const [name, number] of Object.entries(HEADERS)) assert.is(constant(name), number, name);
});

for (const [architecture, flags] of [
  ['x64', GENERIC],
  ['riscv64', GENERIC],
  ['arm64', ARM],
  ['arm', ARM],
] as const) {
  test(`on ${architecture}, the flags of open are those of its headers`, () => {
    const found = constantsOn(architecture);
    assert.equal(Object.fromEntries(Object.keys(flags).map(name => [name, found[name]])), flags);
  });

  test(`on ${architecture}, no two flags of open have a bit in common, but those that are made of others`, () => {
    const found = constantsOn(architecture);
    const single = Object.entries(found).filter(([name]) =>
      /^O_(?!RDONLY|WRONLY|RDWR|SYNC|TMPFILE)/.test(name),
    );
    assert.ok(single.length > 10);
    let union = 0;
    for (const [name, bit] of single) {
      assert.is(union & bit, 0, name);
      union |= bit;
    }
  });
}

test('the numbers are those that Node found where it was compiled', () => {
  const common = Object.keys(constants).filter(name => name in ofNode);
  assert.ok(common.includes('O_DIRECTORY') && common.includes('S_IFCHR'));
  for (const name of common) assert.is(constant(name), Reflect.get(ofNode, name), name);
});

test('every constant is an integer that a system call takes as an int', () => {
  for (const [name, value] of Object.entries(constants)) assert.is(value, value | 0, name);
});

test.run();

function constant(name: string): unknown {
  return Reflect.get(constants, name);
}

/** The module as it is on a machine of this architecture. */
function constantsOn(architecture: string): Record<string, number> {
  const path = require.resolve('../client/constants');
  const loaded = require.cache[path];
  const own = Object.getOwnPropertyDescriptor(process, 'arch')!;
  delete require.cache[path];
  Object.defineProperty(process, 'arch', { configurable: true, value: architecture });
  try {
    return require(path);
  } finally {
    Object.defineProperty(process, 'arch', own);
    if (loaded === undefined) delete require.cache[path];
    else require.cache[path] = loaded;
  }
}
