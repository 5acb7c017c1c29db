import { chmodSync, copyFileSync, existsSync, mkdirSync } from 'fs';
import * as path from 'path';
import { type Command, Fd, Command as Program, Stdio, step } from 'unshare';
import { fixture, rootMaps } from '../support';

/** A command whose every system call is made to fail once. */
export interface Subject {
  name: string;
  prepare(): Command;
  /** It has a helper of its own. */
  isAlone?: boolean;
  /** By a synchronous call. */
  isSync?: boolean;
}

/** Makes the world that the commands run in at `root`, which has to become a mount point. */
export function makeWorld(root: string): void {
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync);
  if (busybox === undefined) throw new Error('busybox-static is not installed');
  for (const directory of ['', 'bin', 'old', 'work']) mkdirSync(path.join(root, directory));
  for (const [from, to] of [
    [busybox, 'bin/sh'],
    [fixture('state'), 'bin/state'],
  ] as const) {
    copyFileSync(from, path.join(root, to));
    chmodSync(path.join(root, to), 0o755);
  }
}

const noNewPrivileges = step.syscall('prctl', 38, 1, 0, 0, 0);
const kept = ['CAP_NET_BIND_SERVICE', 'CAP_SYS_CHROOT'] as const;

/** Descriptors of every kind that the shared helper serves, and all that every program can be given besides. */
function furnish(command: Command): Command {
  return command
    .stdin('piped')
    .stdout('piped')
    .stderr('null')
    .fileDescriptor(7, Fd.pipedRead())
    .fileDescriptor(3, Fd.pipedWrite())
    .fileDescriptor(9, Fd.readNull())
    .closeFds(10)
    .envVarWithPid('OWN_PID')
    .makeGroupLeader()
    .setParentDeathSignal('SIGTERM');
}

/**
 * What the helper can do, in few commands, each of which prints what it was given; `target` is a process in namespaces of
 * its own.
 */
export function subjects(root: string, target: number): Subject[] {
  const program = () => new Program(fixture('state')).envClear().stdout('piped').stderr('null');
  const inWorld = () => new Program('/bin/state').envClear();
  const joining = () => {
    const command = program();
    for (const kind of ['user', 'pid', 'net', 'uts', 'ipc', 'cgroup'] as const) {
      command.setNamespace({ pid: target }, kind);
    }
    return command;
  };
  const row = { count: 1 };
  return [
    { name: 'plain', prepare: () => furnish(program().currentDir('/')) },
    {
      // Without a user namespace, in which nobody may move the mounts that were there before.
      name: 'all namespaces but user, and a new root',
      prepare: () =>
        furnish(inWorld())
          .unshare('pid', 'mount', 'net', 'uts', 'ipc', 'cgroup', 'time')
          .pivotRoot(root, path.join(root, 'old'), true)
          .chrootDir('/')
          .currentDir('/work')
          .uid(1)
          .gid(2)
          .groups([3, 4])
          .keepCaps(kept)
          .preExec([noNewPrivileges, step.syscall('umask', 0o77)])
          .beforeUnfreeze(() => {}),
    },
    {
      name: 'all namespaces, and maps',
      prepare: () =>
        furnish(inWorld())
          .unshare('user', 'pid', 'mount', 'net', 'uts', 'ipc', 'cgroup')
          .setIdMaps(...rootMaps())
          .chrootDir(root)
          .uid(0)
          .gid(0)
          .keepCaps(kept)
          .preExec([noNewPrivileges])
          .beforeUnfreeze(() => {}),
    },
    {
      name: 'map commands, and a time namespace',
      prepare: () =>
        program()
          .unshare('time')
          .setIdMaps(...rootMaps())
          .setIdMapCommands('/usr/bin/newuidmap', '/usr/bin/newgidmap'),
    },
    { name: 'joined', prepare: () => joining().stdin('piped').uid(0) },
    {
      name: 'joined, then a new user namespace',
      prepare: () =>
        joining()
          .setIdMaps([{ insideUid: 7, outsideUid: 0, ...row }], [{ insideGid: 7, outsideGid: 0, ...row }])
          .unshare('time'),
    },
    {
      name: 'with descriptors of the client',
      isAlone: true,
      prepare: () => program().stdin(Stdio.dupFile(1)).fileDescriptor(5, Fd.dupFile(2)).currentDir('/'),
    },
    {
      name: 'synchronous',
      isAlone: true,
      isSync: true,
      prepare: () => program().unshare('uts').currentDir('/'),
    },
  ];
}
