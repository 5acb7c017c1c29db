// Runs a shell script that you do not trust. Its root directory has /usr, read-only, and 16 MiB of memory at /tmp. It
// has no network and no capabilities, and it cannot see or signal any other process. It may take 5 seconds, start 32
// processes of 256 MiB each, and print 1 MiB.
//   node examples/untrusted.js 'id; ls /; echo x > /usr/file'
// It does not limit the memory of all processes together, and it does not filter system calls: see "Run untrusted code"
// in docs/guide.md. Requires Linux 5.14, and the right to create user namespaces.
const { Command, step } = require('unshare');
const { AT_FDCWD, AT_RECURSIVE, KEYCTL_JOIN_SESSION_KEYRING, PR_SET_NO_NEW_PRIVS } = require('unshare');
const { MNT_DETACH, MOUNT_ATTR_NODEV, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY, MS_BIND } = require('unshare');
const { MS_MOVE, MS_NODEV, MS_NOEXEC, MS_NOSUID, MS_RDONLY, MS_REC, MS_REMOUNT } = require('unshare');
const { RLIMIT_AS, RLIMIT_CORE, RLIMIT_CPU, RLIMIT_FSIZE, RLIMIT_NOFILE, RLIMIT_NPROC } = require('unshare');
const { O_WRONLY, S_IFREG } = require('unshare');

const SCRIPT = `
  echo "user $(id -u), process $$"
  echo "files:" /*
  grep -E "CapEff|NoNewPrivs" /proc/self/status
  tail -n +3 /proc/net/dev | cut -d: -f1
  echo x > /usr/file
  echo x > /tmp/file && cat /tmp/file`;

const { syscall } = step;
const structOf = (...words) => new Uint8Array(BigUint64Array.from(words, BigInt).buffer);
const limit = (resource, value) => syscall('prlimit64', 0, resource, structOf(value, value), 0);
const directory = name => syscall('mkdirat', AT_FDCWD, name, 0o755);
const link = (target, name) => syscall('symlinkat', target, AT_FDCWD, name);
const device = name => [
  syscall('mknodat', AT_FDCWD, `dev/${name}`, S_IFREG | 0o666, 0),
  syscall('mount', `/dev/${name}`, `dev/${name}`, 0, MS_BIND, 0),
];

const steps = [
  // The new /proc is mounted over the old one first. Nothing can then create another user namespace in this one.
  syscall('mount', 'proc', '/proc', 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, 0),
  syscall('openat', AT_FDCWD, '/proc/sys/user/max_user_namespaces', O_WRONLY),
  syscall('write', step.result(1), '0', 1),
  // The new root is built at /tmp, in a mount namespace that nobody else sees.
  syscall('umask', 0o022),
  syscall('mount', 'root', '/tmp', 'tmpfs', MS_NOSUID | MS_NODEV, 'size=64k,nr_inodes=32,mode=755'),
  syscall('chdir', '/tmp'),
  ...['usr', 'proc', 'dev', 'tmp'].map(directory),
  ...['bin', 'lib', 'lib64', 'sbin'].map(name => link(`usr/${name}`, name)),
  syscall('mount', '/usr', 'usr', 0, MS_BIND | MS_REC, 0),
  syscall(
    'mount_setattr',
    ...[AT_FDCWD, 'usr', AT_RECURSIVE],
    ...[structOf(MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV, 0, 0, 0), 32],
  ),
  syscall('mount', '/proc', 'proc', 0, MS_MOVE, 0),
  ...device('null'),
  ...device('zero'),
  ...device('urandom'),
  link('/proc/self/fd', 'dev/fd'),
  // Lists the keys of the user, with the numbers to use them by. Kernels without keys have no such file.
  step.allowFailure(syscall('mount', '/dev/null', 'proc/keys', 0, MS_BIND, 0)),
  syscall('mount', 'tmp', 'tmp', 'tmpfs', MS_NOSUID | MS_NODEV, 'size=16m,nr_inodes=4096,mode=700'),
  syscall('pivot_root', '.', '.'),
  syscall('umount2', '.', MNT_DETACH),
  syscall('mount', 0, '/', 0, MS_REMOUNT | MS_BIND | MS_RDONLY | MS_NOSUID | MS_NODEV, 0),
  syscall('chdir', '/tmp'),
  // A new session has no controlling terminal to type into, and its own process group. Fails in one that is new already.
  step.allowFailure(syscall('setsid')),
  // Fails if the user has no room for another key.
  step.allowFailure(syscall('keyctl', KEYCTL_JOIN_SESSION_KEYRING, 0)),
  limit(RLIMIT_NPROC, 32), // processes in this user namespace
  limit(RLIMIT_AS, 256 << 20), // bytes of address space of each process
  limit(RLIMIT_CPU, 5), // seconds of CPU time of each process
  limit(RLIMIT_FSIZE, 16 << 20), // bytes of each file
  limit(RLIMIT_NOFILE, 64), // file descriptors of each process
  limit(RLIMIT_CORE, 1), // 0 would still give a core dump to a handler of the host
  // `execve` takes all capabilities from user 1000, and no program can give any back.
  syscall('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
];

// Root must not give the script its own id. This id owns nothing, and no other running sandbox has it.
const isRoot = process.getuid() === 0;
const outsideUid = isRoot ? 1_000_000_000 + process.pid : process.getuid();
const outsideGid = isRoot ? 1_000_000_000 + process.pid : process.getgid();

const command = new Command('/bin/sh')
  .args(['-c', process.argv[2] || SCRIPT])
  .envClear()
  .env('PATH', '/usr/bin:/usr/sbin')
  .currentDir('/')
  .stdin('null')
  .unshare('user', 'mount', 'pid', 'net', 'ipc', 'uts', 'cgroup')
  .setIdMaps([{ insideUid: 1000, outsideUid, count: 1 }], [{ insideGid: 1000, outsideGid, count: 1 }])
  .uid(1000)
  .gid(1000)
  .preExec(steps)
  .closeFds();

command.output({ timeout: 5000, maxBuffer: 1 << 20 }).then(
  ({ status, stdout, stderr }) => console.log(`${stdout}${stderr}${status}`),
  error => console.log(`${error.stdout || ''}${error.message}`),
);
