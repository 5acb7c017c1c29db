/**
 * The errors that each system call of the helper, and of a process on its way to its program, can really have, by the
 * manual pages and the kernel's source; and the stages that a command may fail at by them. That a command runs
 * nevertheless is always right, if it runs as it was asked to.
 */
export interface Fallible {
  errors: string[];
  /** Where a command may fail by it. `Helper`: the helper may end by it, with all that it does. */
  stages: string[];
}

const files = ['EMFILE', 'ENFILE', 'ENOMEM'];

export const FALLIBLE: Record<string, Fallible> = {
  // What makes a process, a namespace or a pipe.
  clone: { errors: ['EAGAIN', 'ENOMEM', 'ENOSPC', 'EPERM'], stages: ['Fork', 'SetIdMap'] },
  clone3: { errors: ['EAGAIN', 'ENOMEM', 'ENOSPC', 'EPERM'], stages: ['Fork', 'SetIdMap'] },
  unshare: { errors: ['EINVAL', 'ENOMEM', 'ENOSPC', 'EPERM'], stages: ['Fork'] },
  setns: { errors: ['EINVAL', 'ENOMEM', 'EPERM'], stages: ['SetNs'] },
  pipe2: { errors: ['EMFILE', 'ENFILE'], stages: ['CreatePipe'] },
  // Descriptors.
  openat: {
    errors: [...files, 'EACCES', 'EINTR', 'ENOENT'],
    stages: ['StdioError', 'SetNs', 'SetIdMap', 'ChangeRoot'],
  },
  dup3: { errors: ['EBADF', 'EBUSY', 'EINTR', 'EMFILE'], stages: ['StdioError', 'SetIdMap'] },
  // F_DUPFD, F_SETPIPE_SZ and F_SETFL; F_ADD_SEALS.
  fcntl: { errors: ['EBUSY', 'EMFILE', 'ENOMEM', 'EPERM'], stages: ['StdioError', 'AuxCommandExited'] },
  close_range: { errors: ['ENOSYS', 'EPERM'], stages: [] },
  statx: { errors: ['ENOMEM'], stages: ['PipeError', 'Protocol'] },
  // On report pipe and go pipe, and the files in /proc.
  read: {
    errors: ['EINTR', 'EIO', 'ENOMEM'],
    stages: ['PipeError', 'SetNs', 'SetIdMap', 'UnknownError', 'AuxCommandExited'],
  },
  write: {
    errors: ['EINVAL', 'EIO', 'ENOMEM', 'ENOSPC', 'EPERM', 'EPIPE'],
    stages: ['SetIdMap', 'PipeError', 'UnknownError', 'AuxCommandExited'],
  },
  // The control socket and the loop.
  recvfrom: { errors: ['EAGAIN', 'ECONNRESET', 'EINTR', 'ENOMEM'], stages: ['Helper'] },
  sendto: { errors: ['EAGAIN', 'ECONNRESET', 'EINTR', 'ENOBUFS', 'ENOMEM', 'EPIPE'], stages: ['Helper'] },
  epoll_pwait: { errors: ['EINTR'], stages: [] },
  epoll_ctl: { errors: ['ENOMEM', 'ENOSPC'], stages: ['PipeError'] },
  // The order of docs/protocol.md.
  mount: { errors: ['EACCES', 'EBUSY', 'EINVAL', 'ENOMEM', 'EPERM'], stages: ['ChangeRoot', 'SetIdMap'] },
  pivot_root: { errors: ['EBUSY', 'EINVAL', 'ENOTDIR', 'EPERM'], stages: ['ChangeRoot', 'SetIdMap'] },
  umount2: { errors: ['EAGAIN', 'EBUSY', 'EINVAL', 'ENOMEM', 'EPERM'], stages: ['ChangeRoot', 'SetIdMap'] },
  chroot: { errors: ['EACCES', 'EIO', 'ENOENT', 'ENOMEM', 'EPERM'], stages: ['ChangeRoot'] },
  chdir: { errors: ['EACCES', 'EIO', 'ENOENT', 'ENOMEM'], stages: ['Chdir', 'ChangeRoot', 'SetIdMap'] },
  fchdir: { errors: ['EACCES', 'EIO'], stages: ['ChangeRoot'] },
  getcwd: { errors: ['EACCES', 'ENOENT', 'ENOMEM'], stages: ['Chdir'] },
  setpgid: { errors: ['EACCES', 'EPERM'], stages: ['SetPGid'] },
  // strace makes it fail by another call in its place, for which the filter of helper/holder.zig kills.
  prctl: {
    errors: ['ENOSYS', 'EPERM'],
    stages: ['ParentDeathSignal', 'CapSet', 'SetNs', 'SetIdMap', 'UnknownError', 'PreExec'],
  },
  capset: { errors: ['EPERM'], stages: ['CapSet'] },
  setgroups: { errors: ['EINVAL', 'ENOMEM', 'EPERM'], stages: ['SetUser'] },
  setresgid: { errors: ['EAGAIN', 'EINVAL', 'EPERM'], stages: ['SetUser'] },
  setresuid: { errors: ['EAGAIN', 'EINVAL', 'EPERM'], stages: ['SetUser'] },
  prlimit64: { errors: ['EPERM'], stages: ['StdioError'] },
  rt_sigaction: { errors: ['EINVAL'], stages: ['UnknownError'] },
  execve: {
    errors: ['E2BIG', 'EACCES', 'EAGAIN', 'EIO', ...files, 'ENOENT', 'ENOEXEC', 'EPERM', 'ETXTBSY'],
    stages: ['Exec', 'SetIdMap'],
  },
  // In a run for one command, and where an id map command is waited for.
  wait4: { errors: ['EINTR'], stages: [] },
  splice: { errors: ['EAGAIN', 'EINTR', 'ENOMEM'], stages: [] },
  // At the helper's start.
  execveat: { errors: ['EACCES', 'ENOMEM', 'ENOSYS', 'EPERM'], stages: [] },
  memfd_create: { errors: [...files, 'ENOSYS', 'EPERM'], stages: [] },
  sendfile: { errors: ['EIO', 'ENOMEM', 'ENOSPC'], stages: [] },
  getpgid: { errors: ['EPERM', 'ESRCH'], stages: [] },
  getsid: { errors: ['EPERM', 'ESRCH'], stages: [] },
  // What a program follows of its client, and what is passed over if it cannot be had.
  sched_getattr: { errors: ['EPERM', 'ESRCH'], stages: [] },
  sched_getaffinity: { errors: ['EPERM', 'ESRCH'], stages: [] },
  ioprio_get: { errors: ['EPERM', 'ESRCH'], stages: [] },
  keyctl: { errors: ['EDQUOT', 'ENOSYS', 'EPERM'], stages: [] },
  pread64: { errors: ['EIO', 'ESRCH'], stages: [] },
  setsid: { errors: ['EPERM'], stages: ['SetPGid'] },
  getsockopt: { errors: ['ENOTSOCK'], stages: ['Helper'] },
  epoll_create1: { errors: files, stages: ['Helper'] },
  signalfd4: { errors: files, stages: ['Helper'] },
  pidfd_open: { errors: [...files, 'ENOSYS'], stages: [] },
  // Memory.
  mmap: { errors: ['EAGAIN', 'ENOMEM'], stages: ['Helper', 'AuxCommandExited', 'AuxCommandKilled'] },
  mprotect: { errors: ['ENOMEM'], stages: ['AuxCommandExited'] },
};

/** Those that the kernel does not let fail, asked what they are asked here, and why. A helper that counts on them is right. */
export const INFALLIBLE: Record<string, string> = {
  ioctl:
    'of a terminal fails where there is none, which is what it is asked, and of a pipe for a bad pointer only',
  madvise: 'of whole pages that are there does not fail, and gives up what nobody needs',
  capget: 'fails for a bad pointer or version only',
  clock_gettime: 'fails for a bad pointer or clock only',
  close: 'has closed the descriptor whatever it returns, and a pipe or socket has nothing to lose',
  exit: 'does not return',
  exit_group: 'does not return',
  getegid: 'is always successful',
  geteuid: 'is always successful',
  getpid: 'is always successful',
  getppid: 'is always successful',
  kill: 'of a child that was not reaped, and has no other user than its parent, has nothing to fail by',
  munmap: 'of a whole mapping does not need memory, which is all that it could lack',
  poll: 'of one descriptor fails by a signal only, and all are blocked',
  rt_sigprocmask: 'fails for a bad pointer or operation only',
  rt_sigreturn: 'does not return',
  rt_sigsuspend: 'is interrupted by a signal only, and all are blocked',
  umask: 'is always successful',
  waitid: 'with WNOHANG, of a child that was not reaped, has nothing to fail by',
};

/** The same of a call that fails elsewhere: of the helper's own `wait4`, which does not wait. */
export const HELPER_INFALLIBLE: Record<string, string> = {
  wait4: 'with WNOHANG fails where there is no child only, which is what it is asked',
};
