import { chmodSync, existsSync, readFileSync, writeFileSync } from 'fs';
import { userInfo } from 'os';
import * as path from 'path';
import { type Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { Controller } from './abort-controller';
import { suite } from './harness';
import { asOrdinaryUser } from './ordinary-client';
import { makeScratch } from './scratch';
import { childrenOf, rejection, shell } from './support';

const test = suite('id map commands');
const scratch = makeScratch();
const own = { uid: process.geteuid!(), gid: process.getegid!() };

/** A program that stands for newuidmap. */
function script(name: string, text: string): string {
  const file = path.join(scratch, `${name}-${own.uid}`);
  if (!existsSync(file)) {
    writeFileSync(file, `#!/bin/sh\n${text}\n`);
    chmodSync(file, 0o755);
  }
  return file;
}

function mapped(newuidmap: string, newgidmap: string, commandLine = 'id -u; id -g'): Command {
  return shell(commandLine)
    .setIdMaps(
      [{ insideUid: 0, outsideUid: own.uid, count: 1 }],
      [{ insideGid: 0, outsideGid: own.gid, count: 1 }],
    )
    .setIdMapCommands(newuidmap, newgidmap);
}

test(
  'newuidmap and newgidmap write the maps',
  async () => {
    const { stdout, stderr } = await mapped('/usr/bin/newuidmap', '/usr/bin/newgidmap').output();
    assert.is(stdout.toString(), '0\n0\n', stderr.toString());
  },
  { skip: !hasAccount() && 'newuidmap serves users with an account' },
);

function hasAccount(): boolean {
  try {
    return userInfo().uid === own.uid;
  } catch {
    return false;
  }
}

/**
 * What the client writes that `code` is, run by an ordinary user with an account and the subordinate ids
 * 200000 to 265535. The account is in files that the client's mount namespace has in place of the machine's.
 */
function asUserWithAccount(code: string): Promise<string> {
  const files = {
    passwd: `${readFileSync('/etc/passwd', 'utf8')}somebody:x:61235:61235::/:/bin/sh\n`,
    subuid: 'somebody:200000:65536\n',
    subgid: 'somebody:200000:65536\n',
  };
  const directory = makeScratch();
  const mounts = Object.entries(files).map(([name, text]) => {
    const file = path.join(directory, name);
    writeFileSync(file, text, { mode: 0o644 });
    return `mount --bind ${file} /etc/${name}`;
  });
  return asOrdinaryUser(61235, code, mounts);
}

const accountSkip =
  (own.uid !== 0 && 'only root can make an account for a while') ||
  (!existsSync('/usr/bin/newuidmap') && 'newuidmap is not installed');

test(
  'an ordinary user gives a namespace the subordinate ids of the account',
  async () => {
    const output = await asUserWithAccount(`
      new unshare.Command('/bin/sh')
        .args(['-c', 'id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map'])
        .setIdMaps(
          [{ insideUid: 0, outsideUid: 61235, count: 1 }, { insideUid: 1, outsideUid: 200000, count: 65536 }],
          [{ insideGid: 0, outsideGid: 61235, count: 1 }, { insideGid: 1, outsideGid: 200000, count: 65536 }])
        .setIdMapCommands('/usr/bin/newuidmap', '/usr/bin/newgidmap')
        .uid(33).gid(34).groups([35])
        .output().then(({ stdout }) => process.stdout.write(stdout));`);
    const map = '0 61235 1 1 200000 65536';
    assert.is(output.trim().replace(/\s+/g, ' '), `33 34 ${map} ${map}`);
  },
  { skip: accountSkip },
);

test(
  "an id that is not the account's is refused, in the words of newuidmap",
  async () => {
    const output = await asUserWithAccount(`
      new unshare.Command('/bin/true')
        .setIdMaps([{ insideUid: 0, outsideUid: 300000, count: 1 }], [{ insideGid: 0, outsideGid: 61235, count: 1 }])
        .setIdMapCommands('/usr/bin/newuidmap', '/usr/bin/newgidmap')
        .spawn().catch(({ stage, path, stderr }) => console.log(stage, path, String(stderr)));`);
    assert.match(output, /^AuxCommandExited \/usr\/bin\/newuidmap .*range.* not allowed/);
  },
  { skip: accountSkip },
);

test('they get the pid and the rows', async () => {
  const log = path.join(scratch, `log-${own.uid}`);
  const record = script('record', `echo "$@" >>${log}; echo no >&2; exit 3`);
  const error = await rejection(mapped(record, '/usr/bin/newgidmap').spawn());
  assert.equal([error.stage, error.path], ['AuxCommandExited', record]);
  assert.is(error.exitStatus!.code, 3);
  assert.is(error.stderr!.toString(), 'no\n');
  const [pid, ...row] = readFileSync(log, 'utf8').trim().split(' ');
  assert.ok(Number(pid) > 1);
  assert.equal(row.map(Number), [0, own.uid, 1]);
});

test('one that is killed', async () => {
  const error = await rejection(mapped(script('killed', 'kill -9 $$'), '/bin/true').spawn());
  assert.is(error.stage, 'AuxCommandKilled');
  assert.is(error.exitStatus!.signal, 'SIGKILL');
});

test('one that is missing', async () => {
  const error = await rejection(mapped('/nowhere/newuidmap', '/bin/true').spawn());
  assert.equal([error.stage, error.code, error.path], ['SetIdMap', 'ENOENT', '/nowhere/newuidmap']);
});

test('one that hangs delays no other command, and goes when the spawn is aborted', async () => {
  const controller = new Controller();
  const hanging = rejection(mapped(script('hang', 'sleep 1000'), '/bin/true').spawn({ signal: controller }));
  assert.ok((await shell('true').status()).success);
  controller.abort();
  assert.is((await hanging).name, 'AbortError');
  assert.equal(childrenOf(Helper.shared().pid!), []);
});

test('without maps they are not run', async () => {
  const status = await shell('true').unshare('user').setIdMapCommands('/nowhere', '/nowhere').status();
  assert.ok(status.success);
});

test.run();
