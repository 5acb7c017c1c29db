import { readlinkSync } from 'fs';
import type { Command, Namespace } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { packageRoot, rootMaps, runtimePath, shell, stateOf } from './support';

const test = suite('namespaces');

const links: Record<Namespace, string> = {
  user: 'user',
  mount: 'mnt',
  uts: 'uts',
  ipc: 'ipc',
  pid: 'pid',
  net: 'net',
  cgroup: 'cgroup',
  time: 'time',
};

test('a command in new user and pid namespaces is root and pid 1 there', async () => {
  const { stdout } = await shell('id -u; readlink /proc/self/ns/user; echo $$')
    .unshare('user', 'pid')
    .setIdMaps(...rootMaps())
    .output();
  const [uid, namespace, pid] = stdout.toString().split('\n');
  assert.is(uid, '0');
  assert.match(namespace!, /^user:\[\d+\]$/);
  assert.is.not(namespace, readlinkSync('/proc/self/ns/user'));
  assert.is(pid, '1');
});

for (const name of Object.keys(links) as Namespace[]) {
  test(`a new ${name} namespace is another than the client's, and all others are the same`, async () => {
    const command = shell(`for n in ${Object.values(links).join(' ')}; do readlink /proc/self/ns/$n; done`);
    command.unshare('user').setIdMaps(...rootMaps());
    const { stdout } = await command.unshare(name).output();
    const inside = stdout.toString().trim().split('\n');
    const changed = Object.values(links).filter(
      (link, at) => inside[at] !== readlinkSync(`/proc/self/ns/${link}`),
    );
    assert.equal(changed.sort(), [...new Set(['user', links[name]])].sort());
  });
}

test('one call, several calls and an iterable of names mean the same', async () => {
  for (const prepare of [
    (command: Command) => command.unshare('user', 'uts'),
    (command: Command) => command.unshare('user').unshare('uts'),
    (command: Command) => command.unshare(new Set(['uts', 'user'] as const)),
  ]) {
    const command = shell('readlink /proc/self/ns/uts').setIdMaps(...rootMaps());
    prepare(command);
    const { stdout } = await command.output();
    assert.is.not(stdout.toString().trim(), readlinkSync('/proc/self/ns/uts'));
  }
});

test('a user namespace without maps shows the overflow ids, as unshare -U does', async () => {
  const { uids, gids } = await stateOf(command => command.unshare('user'));
  assert.equal(uids, [65534, 65534, 65534]);
  assert.equal(gids, [65534, 65534, 65534]);
});

test('mounts of a new mount namespace are private, also where / is shared, as systemd makes it', async () => {
  const client = `
    const { Command } = require(${JSON.stringify(packageRoot)});
    new Command('/bin/cat').arg('/proc/self/mountinfo').unshare('mount').output().then(({ stdout }) => {
      process.stdout.write(stdout);
    });`;
  const { stdout, stderr } = await shell('mount --make-rshared / && exec "$0" -e "$1"')
    .args([runtimePath, client])
    .unshare('user', 'mount')
    .setIdMaps(...rootMaps())
    .output();
  assert.is(stderr.toString(), '');
  assert.match(stdout.toString(), ' / / ');
  assert.not.match(stdout.toString(), / (shared|master):\d+ /);
});

test('setgroups is denied in a user namespace exactly where the client lacks CAP_SETGID', async () => {
  const { stdout } = await shell('cat /proc/self/setgroups')
    .setIdMaps(...rootMaps())
    .output();
  assert.is(stdout.toString(), process.geteuid!() === 0 ? 'allow\n' : 'deny\n');
});

test('the id maps are those that were asked for', async () => {
  const { stdout } = await shell('cat /proc/self/uid_map; cat /proc/self/gid_map')
    .setIdMaps(
      [{ insideUid: 77, outsideUid: process.geteuid!(), count: 1 }],
      [{ insideGid: 88, outsideGid: process.getegid!(), count: 1 }],
    )
    .output();
  const rows = stdout
    .toString()
    .trim()
    .split('\n')
    .map(row => row.trim().split(/\s+/).map(Number));
  assert.equal(rows, [
    [77, process.geteuid!(), 1],
    [88, process.getegid!(), 1],
  ]);
});

test('an own id that is mapped stays what it maps to', async () => {
  const { uids, gids } = await stateOf(command =>
    command.setIdMaps(
      [{ insideUid: 77, outsideUid: process.geteuid!(), count: 1 }],
      [{ insideGid: 88, outsideGid: process.getegid!(), count: 1 }],
    ),
  );
  assert.equal(uids, [77, 77, 77]);
  assert.equal(gids, [88, 88, 88]);
});

const rootOnly = process.geteuid!() === 0 ? false : "mapping others' ids needs root";

test(
  'an own id that is not mapped becomes 0, where 0 is',
  async () => {
    const { uids, gids } = await stateOf(command =>
      command.setIdMaps(
        [{ insideUid: 0, outsideUid: 100_000, count: 1000 }],
        [{ insideGid: 0, outsideGid: 100_000, count: 1000 }],
      ),
    );
    assert.equal(uids, [0, 0, 0]);
    assert.equal(gids, [0, 0, 0]);
  },
  { skip: rootOnly },
);

test(
  'a map of many rows is written whole',
  async () => {
    const rows = Array.from({ length: 100 }, (_, at) => ({
      inside: at * 2,
      outside: 100_000 + at,
      count: 1,
    }));
    const { stdout } = await shell('wc -l < /proc/self/uid_map; wc -l < /proc/self/gid_map')
      .setIdMaps(
        rows.map(({ inside, outside, count }) => ({ insideUid: inside, outsideUid: outside, count })),
        rows.map(({ inside, outside, count }) => ({ insideGid: inside, outsideGid: outside, count })),
      )
      .output();
    assert.equal(stdout.toString().trim().split('\n').map(Number), [100, 100]);
  },
  { skip: rootOnly },
);

test('every pair of namespaces is new, and no other', async () => {
  const kinds = Object.keys(links) as Namespace[];
  const own = new Map(kinds.map(kind => [kind, readlinkSync(`/proc/self/ns/${links[kind]}`)]));
  const pairs = kinds.flatMap((first, index) => kinds.slice(index + 1).map(second => [first, second]));
  for (const pair of pairs) {
    const asked = new Set<Namespace>([...pair, 'user'] as Namespace[]);
    const { stdout } = await shell(
      `cd /proc/self/ns && for n in ${Object.values(links).join(' ')}; do readlink $n; done`,
    )
      .unshare(asked)
      .setIdMaps(...rootMaps())
      .output();
    const found = stdout.toString().trim().split('\n');
    const changed = kinds.filter((kind, index) => found[index] !== own.get(kind));
    assert.equal(
      changed,
      kinds.filter(kind => asked.has(kind)),
      `${pair}`,
    );
  }
});

test.run();
