import { chmodSync, copyFileSync, existsSync, mkdirSync } from 'fs';
import * as path from 'path';
import { type Command, Fd, Command as Program, step } from 'unshare';
import { fixture, rootMaps } from '../support';

/** A command whose every system call is made to fail once. */
export interface Subject {
  name: string;
  prepare(): Command;
}

/** Makes the world that the commands run in at `root`, which has to become a mount point. */
export function makeWorld(root: string): void {
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync);
  if (busybox === undefined) throw new Error('busybox-static is not installed');
  for (const directory of ['', 'bin', 'old', 'work']) mkdirSync(path.join(root, directory));
  for (const [from, to] of [
    [busybox, 'bin/sh'],
    [fixture('exit'), 'bin/exit'],
  ] as const) {
    copyFileSync(from, path.join(root, to));
    chmodSync(path.join(root, to), 0o755);
  }
}

/** What the helper can do, in few commands; `target` is a process in namespaces of its own. */
export function subjects(root: string, target: number): Subject[] {
  const program = () => new Program(fixture('exit'));
  const noNewPrivileges = step.syscall('prctl', 38, 1, 0, 0, 0);
  const joining = () => {
    const command = program();
    for (const kind of ['user', 'pid', 'net', 'uts', 'ipc', 'cgroup'] as const) {
      command.setNamespace({ pid: target }, kind);
    }
    return command;
  };
  const row = { count: 1 };
  return [
    {
      name: 'plain',
      prepare: () =>
        program()
          .stdin('piped')
          .stdout('piped')
          .stderr('null')
          .fileDescriptor(7, Fd.pipedRead())
          .fileDescriptor(3, Fd.pipedWrite())
          .closeFds(8)
          .currentDir('/')
          .envVarWithPid('OWN_PID')
          .makeGroupLeader()
          .setParentDeathSignal('SIGTERM'),
    },
    {
      name: 'credentials',
      prepare: () =>
        program()
          .uid(1)
          .gid(2)
          .groups([3, 4])
          .keepCaps(['CAP_NET_BIND_SERVICE'])
          .setParentDeathSignal('SIGKILL')
          .preExec([noNewPrivileges, step.syscall('umask', 0o77)]),
    },
    {
      name: 'new namespaces',
      prepare: () =>
        program()
          .unshare('user', 'pid', 'mount', 'net', 'uts', 'ipc', 'cgroup', 'time')
          .setIdMaps(...rootMaps()),
    },
    {
      // Without a user namespace, in which nobody may move the mounts that were there before.
      name: 'new root',
      prepare: () =>
        new Program('/bin/exit')
          .unshare('mount', 'uts')
          .pivotRoot(root, path.join(root, 'old'), true)
          .chrootDir('/')
          .currentDir('/work')
          .stdout('piped'),
    },
    {
      name: 'map commands',
      prepare: () =>
        program()
          .setIdMaps(...rootMaps())
          .setIdMapCommands('/usr/bin/newuidmap', '/usr/bin/newgidmap'),
    },
    { name: 'joined', prepare: () => joining().stdin('piped').stderr('piped').uid(0) },
    {
      name: 'joined, then a new user namespace',
      prepare: () =>
        joining()
          .setIdMaps([{ insideUid: 7, outsideUid: 0, ...row }], [{ insideGid: 7, outsideGid: 0, ...row }])
          .unshare('time'),
    },
    {
      name: 'frozen',
      prepare: () =>
        program()
          .unshare('uts')
          .beforeUnfreeze(() => {})
          .stdout('piped'),
    },
  ];
}
