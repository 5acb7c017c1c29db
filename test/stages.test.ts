import { chmodSync, copyFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command, Fd, Helper, type Stage, step } from 'unshare';
import * as assert from 'uvu/assert';
import { drivesPipes } from '../client/runtime';
import { suite } from './harness';
import { asOrdinaryUser } from './ordinary-client';
import { makeScratch } from './scratch';
import { rejection, rootMaps, runScript } from './support';
import { helperWithout, withoutStrace, wrappedHelper } from './wrapped-helper';

const test = suite('stages');
/** Why a stage of the helper's own pipes cannot be reached. */
const madeByRuntime = !drivesPipes() && 'this runtime makes the pipes itself';
const isRoot = process.geteuid!() === 0;

/** What an error says about where it came from. */
type Origin = [code: string | null, syscall: string | null, item: string | null];

interface Failure {
  /** How it comes about. */
  how: string;
  fail(): Promise<unknown>;
  origin: Origin;
  skip?: string | false;
}

const inside = () => new Command('/bin/true').unshare('user', 'mount').setIdMaps(...rootMaps());
const ownUid = () => [{ insideUid: 0, outsideUid: process.geteuid!(), count: 1 }];

/** Rejects as a command with this helper does. The helper is closed. */
async function by(helper: Helper, command = new Command('/bin/true')): Promise<unknown> {
  try {
    return await command.spawn({ helper });
  } finally {
    await helper.close();
  }
}

/** Path of a program that runs these lines. */
function shellScript(lines: string): string {
  const file = path.join(makeScratch(), 'script');
  writeFileSync(file, `#!/bin/sh\n${lines}\n`, { mode: 0o755 });
  return file;
}

const killed = shellScript('kill -9 $$');

/** Rejects with the error that another client writes as JSON. */
async function written(output: Promise<string>): Promise<never> {
  throw JSON.parse(await output);
}

const writeError = `({ stage, code, syscall, item }) => console.log(JSON.stringify({ stage, code, syscall, item }))`;

/** One failure per stage, of the kernel's making where the kernel lets it fail at all. */
const failures: Record<Stage, Failure> = {
  CreatePipe: {
    how: 'the helper may have no more descriptors',
    fail: () => {
      const command = new Command('/bin/true').stdin('null').stdout('null').stderr('null');
      return by(wrappedHelper('ulimit -n 8; exec "$helper"'), command.stdin('piped').stdout('piped'));
    },
    origin: ['EMFILE', 'pipe2', 'stdin'],
    skip: madeByRuntime,
  },
  Fork: {
    how: 'no user namespace is allowed any more',
    fail: () =>
      by(
        wrappedHelper(
          `exec unshare --map-root-user sh -c 'echo 0 > /proc/sys/user/max_user_namespaces; exec "$0"' "$helper"`,
        ),
        new Command('/bin/true').unshare('user'),
      ),
    origin: ['ENOSPC', 'unshare', 'user'],
  },
  Exec: {
    how: 'the program is missing',
    fail: () => new Command('/missing').spawn(),
    origin: ['ENOENT', 'execve', '/missing'],
  },
  Chdir: {
    how: 'the directory is a file',
    fail: () => new Command('/bin/true').currentDir('/etc/passwd').spawn(),
    origin: ['ENOTDIR', 'chdir', '/etc/passwd'],
  },
  ParentDeathSignal: {
    how: 'prctl is made to fail: with a signal that exists it does not by itself',
    fail: () => by(helperWithout('prctl', 'EINVAL')),
    origin: ['EINVAL', 'prctl', null],
    skip: withoutStrace,
  },
  PipeError: {
    how: 'the client has no descriptor left',
    fail: () =>
      written(
        runScript(`
          const { openSync } = require('fs');
          const { Command, Helper } = unshare;
          const command = new Command('/bin/true').stdin('null').stdout('null').stderr('null');
          command.status().then(() => {
            try { for (;;) openSync('/dev/null', 'r'); } catch {}
            return command.stdout('piped').spawn();
          }).catch(${writeError})`).then(({ stdout, stderr }) => stdout || stderr),
      ),
    origin: ['EMFILE', 'open', 'stdout'],
    skip: madeByRuntime,
  },
  WaitError: {
    how: 'a program that has become root is signalled',
    fail: () => {
      // Its saved and its real id are 0 as well, so that it is nobody else's.
      const directory = makeScratch();
      const setpriv = path.join(directory, 'setpriv');
      copyFileSync('/usr/bin/setpriv', setpriv);
      chmodSync(setpriv, 0o4755);
      return written(
        asOrdinaryUser(
          61237,
          `new unshare.Command('${setpriv}').args(['--reuid', '0', 'cat']).stdin('piped').stdout('piped').spawn()
            .then(async child => {
              child.stdin.write('started');
              await new Promise(resolve => child.stdout.once('data', resolve));
              await child.kill().catch(${writeError});
              child.stdin.end();
            })`,
        ),
      );
    },
    origin: ['EPERM', 'kill', null],
    skip: !isRoot && 'only root makes a setuid-root file',
  },
  StdioError: {
    how: 'the helper may have no descriptor of this number',
    fail: () =>
      by(
        wrappedHelper('ulimit -n 64; exec "$helper"'),
        new Command('/bin/true').fileDescriptor(64, Fd.readNull()),
      ),
    origin: ['EBADF', 'dup3', '64'],
  },
  SetUser: {
    how: 'the id is not mapped',
    fail: () => inside().uid(7).spawn(),
    origin: ['EINVAL', 'setresuid', 'uid'],
  },
  ChangeRoot: {
    how: 'the root is missing',
    fail: () => inside().chrootDir('/missing').spawn(),
    origin: ['ENOENT', 'chroot', '/missing'],
  },
  SetIdMap: {
    how: 'two rows overlap',
    fail: () => new Command('/bin/true').setIdMaps([...ownUid(), ...ownUid()], []).spawn(),
    origin: ['EINVAL', 'write', 'uid_map'],
  },
  AuxCommandExited: {
    how: 'a map command fails',
    fail: () => inside().setIdMapCommands('/bin/false', '/bin/false').spawn(),
    origin: [null, null, '/bin/false'],
  },
  AuxCommandKilled: {
    how: 'a map command is killed',
    fail: () => inside().setIdMapCommands(killed, '/bin/true').spawn(),
    origin: [null, null, killed],
  },
  SetPGid: {
    how: 'setpgid is made to fail: a process that is new always may',
    fail: () => by(helperWithout('setpgid', 'EPERM'), new Command('/bin/true').makeGroupLeader()),
    origin: ['EPERM', 'setpgid', null],
    skip: withoutStrace,
  },
  SetNs: {
    how: 'the namespace is missing',
    fail: () => new Command('/bin/true').setNamespace('/missing', 'net').spawn(),
    origin: ['ENOENT', 'open', 'net'],
  },
  CapSet: {
    how: 'the bounding set cannot be reduced without CAP_SETPCAP',
    fail: () => {
      const drop = isRoot ? 'setpriv --bounding-set -setpcap ' : '';
      return by(wrappedHelper(`exec ${drop}"$helper"`), new Command('/bin/true').keepCaps([]));
    },
    origin: ['EPERM', 'prctl', 'bounding'],
  },
  BeforeUnfreeze: {
    how: 'it throws',
    fail: () =>
      new Command('/bin/true')
        .beforeUnfreeze(() => {
          throw new Error('no');
        })
        .spawn(),
    origin: [null, null, null],
  },
  PreExec: {
    how: 'a step closes what is not open',
    fail: () => new Command('/bin/true').preExec([step.syscall('close', 999)]).spawn(),
    origin: ['EBADF', 'close', 'step 0 (close)'],
  },
  UnknownError: {
    how: 'the process is killed while it is frozen',
    fail: () =>
      new Command('/bin/true')
        .beforeUnfreeze(async pid => {
          process.kill(pid, 'SIGKILL');
          await new Promise(() => {});
        })
        .spawn(),
    origin: [null, null, null],
  },
  Helper: {
    how: 'there is none at its path',
    fail: () => by(new Helper({ path: '/missing' })),
    origin: ['ENOENT', 'access', null],
  },
  Protocol: {
    how: 'the helper says what nobody understands',
    fail: () => by(wrappedHelper(`printf '\\001\\377' >&3; exec sleep 10`)),
    origin: [null, null, null],
  },
  Limit: {
    how: 'an argument is larger than the kernel takes',
    fail: () => new Command('/bin/true').arg('x'.repeat(9 << 20)).spawn(),
    origin: [null, null, null],
  },
};

for (const [stage, { how, fail, origin, skip = false }] of Object.entries(failures)) {
  test(
    `${stage}: ${how}`,
    async () => {
      const { stage: found, code, syscall, item } = await rejection(fail());
      assert.equal([found, code, syscall, item], [stage, ...origin]);
    },
    { skip },
  );
}

test.run();
