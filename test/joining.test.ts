import { closeSync, openSync, readFileSync, readlinkSync, writeFileSync } from 'fs';
import * as path from 'path';
import { type Child, Helper, type Namespace } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { asOrdinaryUser } from './ordinary-client';
import { makeScratch } from './scratch';
import { childrenOf, exists, rejection, rootMaps, shell, until } from './support';

const test = suite('joining');
const FILES: Record<string, string> = { mount: 'mnt' };
const kinds = ['mount', 'uts', 'ipc', 'user', 'pid', 'net', 'cgroup'] as const;

let target: Child;

/** A process in namespaces of its own, for others to join. */
test.before(async () => {
  target = await shell('sleep 1000')
    .unshare(...kinds)
    .setIdMaps(...rootMaps())
    .spawn();
});
test.after(async () => {
  await target.kill();
  await target.wait();
});

function namespaceOf(pid: number | string, kind: string): string {
  return readlinkSync(`/proc/${pid}/ns/${FILES[kind] ?? kind}`);
}

/** What a program that has joined the target's user namespace, and `kinds`, writes. */
async function said(script: string, joined: readonly Namespace[]): Promise<string> {
  const command = shell(script);
  for (const kind of ['user' as const, ...joined]) command.setNamespace({ pid: target.pid }, kind);
  const { status, stdout, stderr } = await command.output();
  assert.ok(status.success, `${status}: ${stderr}`);
  return stdout.toString().trim();
}

for (const kind of kinds.filter(name => name !== 'user' && name !== 'mount' && name !== 'pid')) {
  test(`${kind}: the program is in the namespace of the other process`, async () => {
    assert.is(await said(`readlink /proc/self/ns/${kind}`, [kind]), namespaceOf(target.pid, kind));
  });
}

test('user: the program is in it, and has the id that it maps', async () => {
  assert.is(await said('readlink /proc/self/ns/user; id -u', []), `${namespaceOf(target.pid, 'user')}\n0`);
});

test('pid: the program itself is inside, and known by its pid outside', async () => {
  const child = await shell('exec sleep 1000')
    .setNamespace({ pid: target.pid }, 'user')
    .setNamespace({ pid: target.pid }, 'pid')
    .spawn();
  assert.is(namespaceOf(child.pid, 'pid'), namespaceOf(target.pid, 'pid'));
  const inside = /^NSpid:\t\d+\t(\d+)$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'));
  assert.ok(inside && Number(inside[1]) > 1);
  await child.signal('SIGTERM');
  assert.is((await child.wait()).signal, 'SIGTERM');
  // Neither it nor the process that has made it is left.
  assert.equal(childrenOf(Helper.shared().pid!), [target.pid]);
});

test('several at once, whatever their order', async () => {
  const script =
    'for n in uts ipc net cgroup; do readlink /proc/self/ns/$n; done; cat /proc/sys/kernel/ns_last_pid';
  const lines = (await said(script, ['cgroup', 'net', 'ipc', 'uts', 'mount', 'pid'])).split('\n');
  assert.equal(
    lines.slice(0, 4),
    ['uts', 'ipc', 'net', 'cgroup'].map(kind => namespaceOf(target.pid, kind)),
  );
});

test('from a path, and from an open file, which stays open', async () => {
  const file = openSync(`/proc/${target.pid}/ns/uts`, 'r');
  for (const source of [`/proc/${target.pid}/ns/uts`, file, { fd: file }]) {
    const { stdout } = await shell('readlink /proc/self/ns/uts')
      .setNamespace({ pid: target.pid }, 'user')
      .setNamespace(source as number, 'uts')
      .output();
    assert.is(stdout.toString().trim(), namespaceOf(target.pid, 'uts'));
  }
  closeSync(file);
  const error = await rejection(shell('true').setNamespace(file, 'uts').spawn());
  assert.equal([error.stage, error.code, error.item], ['SetNs', 'EBADF', 'uts']);
  assert.match(error.hint!, `descriptor ${file} of the client is closed`);
});

test('a new user namespace inside the joined one, with maps', async () => {
  const { stdout } = await shell('id -u; cat /proc/self/uid_map; readlink /proc/self/ns/user')
    .setNamespace({ pid: target.pid }, 'user')
    .setIdMaps([{ insideUid: 7, outsideUid: 0, count: 1 }], [{ insideGid: 7, outsideGid: 0, count: 1 }])
    .output();
  const [id, map, namespace] = stdout.toString().trim().split('\n');
  assert.is(id, '7');
  assert.equal(map!.trim().split(/\s+/), ['7', '0', '1']);
  assert.is.not(namespace, namespaceOf(target.pid, 'user'));
});

test('the death of the helper is the end of a program that has joined', async () => {
  const helper = new Helper();
  const child = await shell('exec sleep 1000')
    .setNamespace({ pid: target.pid }, 'user')
    .setNamespace({ pid: target.pid }, 'pid')
    .spawn({ helper });
  const waiting = child.wait().catch(() => null);
  process.kill(helper.pid!, 'SIGKILL');
  await waiting;
  await until('the program is gone', () => !exists(child.pid));
});

test('a namespace that is missing, or of another kind, is named', async () => {
  const missing = await rejection(shell('true').setNamespace('/nowhere', 'net').spawn());
  assert.equal([missing.stage, missing.code, missing.path], ['SetNs', 'ENOENT', '/nowhere']);
  const wrong = await rejection(
    shell('true')
      .setNamespace({ pid: target.pid }, 'user')
      .setNamespace(`/proc/${target.pid}/ns/net`, 'uts')
      .spawn(),
  );
  assert.equal([wrong.stage, wrong.code], ['SetNs', 'EINVAL']);
});

test('a kind that is both new and joined is refused', async () => {
  const error = await rejection(
    shell('true').unshare('net').setNamespace({ pid: target.pid }, 'net').spawn(),
  );
  assert.is(error.stage, 'SetNs');
});

test('time: a new one takes effect for the program itself', async () => {
  const { stdout, stderr } = await shell('readlink /proc/self/ns/time; echo $$')
    .unshare('time', 'user', 'pid')
    .setIdMaps(...rootMaps())
    .output();
  const [namespace, pid] = stdout.toString().trim().split('\n');
  assert.is.not(namespace, readlinkSync('/proc/self/ns/time'), stderr.toString());
  assert.is(pid, '1');
});

test(
  'a user namespace of another user: root enters it, a third one does not',
  async () => {
    const owner = await shell('exec unshare --user --map-root-user sleep 1000')
      .uid(61235)
      .gid(61235)
      .groups([])
      .spawn();
    try {
      await until('the namespace has its maps', () => /61235/.test(uidMapOf(owner.pid)));
      // Root is not mapped in there; it becomes who is.
      const { stdout } = await shell('id -u; readlink /proc/self/ns/user')
        .setNamespace({ pid: owner.pid }, 'user')
        .output();
      const [id, namespace] = stdout.toString().split('\n');
      assert.equal([id, namespace], ['0', namespaceOf(owner.pid, 'user')]);

      // The links in /proc are for those who may trace the process; a mount of the namespace is for everybody.
      const mounted = path.join(makeScratch(), 'user');
      writeFileSync(mounted, '');
      const link = `/proc/${owner.pid}/ns/user`;
      const output = await asOrdinaryUser(
        61236,
        `const { Command } = unshare;
        const join = path => new Command('/bin/true').setNamespace(path, 'user').spawn().catch(error => error);
        Promise.all([join('${link}'), join('${mounted}')]).then(errors => console.log(JSON.stringify(
          errors.map(({ stage, code, item, hint }) => [stage, code, item, hint]))))`,
        [`mount --bind ${link} ${mounted}`],
      );
      const [opening, entering] = JSON.parse(output);
      assert.equal(opening.slice(0, 3), ['SetNs', 'EACCES', 'user']);
      assert.match(opening[3], 'trace');
      assert.equal(entering.slice(0, 3), ['SetNs', 'EPERM', 'user']);
      assert.match(entering[3], 'CAP_SYS_ADMIN');
    } finally {
      await owner.kill();
      await owner.wait();
    }
  },
  { skip: process.geteuid!() !== 0 && 'it takes root to become three users' },
);

function uidMapOf(pid: number): string {
  return readFileSync(`/proc/${pid}/uid_map`, 'utf8');
}

test.run();
