import { type Command, step } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import {
  childrenOf,
  HELPER_AT_REST,
  openInHelper,
  rejection,
  rootMaps,
  shell,
  stateOf,
  until,
} from './support';
import { helperWithout, tracedHelper, withoutStrace } from './wrapped-helper';

const test = suite('fault injection');
const skip = withoutStrace;

interface Fault {
  call: string;
  /** In a user namespace of its own, so that everybody may. */
  prepare: (command: Command) => Command;
  stage: string;
  item: string | null;
}

const inside = (command: Command) => command.unshare('user', 'mount').setIdMaps(...rootMaps());

const faults: Fault[] = [
  { call: 'pipe2', prepare: command => command, stage: 'CreatePipe', item: null },
  { call: 'prctl', prepare: command => command, stage: 'ParentDeathSignal', item: null },
  { call: 'setpgid', prepare: command => command.makeGroupLeader(), stage: 'SetPGid', item: null },
  { call: 'mount', prepare: inside, stage: 'ChangeRoot', item: 'mount propagation' },
  { call: 'chroot', prepare: command => inside(command).chrootDir('/'), stage: 'ChangeRoot', item: '/' },
  {
    call: 'pivot_root',
    prepare: command => inside(command).pivotRoot('/', '/tmp', false),
    stage: 'ChangeRoot',
    item: '/',
  },
  { call: 'chdir', prepare: command => command.currentDir('/tmp'), stage: 'Chdir', item: '/tmp' },
  { call: 'setgroups', prepare: command => command.groups([1]), stage: 'SetUser', item: 'groups' },
  { call: 'setresgid', prepare: command => inside(command).gid(0), stage: 'SetUser', item: 'gid' },
  { call: 'setresuid', prepare: command => inside(command).uid(0), stage: 'SetUser', item: 'uid' },
  { call: 'capset', prepare: command => inside(command).keepCaps([]), stage: 'CapSet', item: 'capabilities' },
  { call: 'dup3', prepare: command => command.stdin('null'), stage: 'StdioError', item: 'stdin' },
  { call: 'unshare', prepare: command => inside(command).unshare('time'), stage: 'Fork', item: 'time' },
  {
    call: 'setns',
    prepare: command => command.setNamespace('/proc/self/ns/uts', 'uts'),
    stage: 'SetNs',
    item: 'uts',
  },
  {
    call: 'getpgid',
    prepare: command => command.preExec([step.syscall('getpgid')]),
    stage: 'PreExec',
    item: 'step 0 (getpgid)',
  },
];

for (const { call, prepare, stage, item } of faults) {
  test(
    `${call} fails: stage ${stage}, and nothing is left`,
    async () => {
      const helper = helperWithout(call, 'EIO');
      for (let time = 0; time < 2; time += 1) {
        const error = await rejection(prepare(shell('true')).spawn({ helper }));
        assert.equal([error.stage, error.code, error.syscall, error.item], [stage, 'EIO', call, item]);
      }
      assert.equal(childrenOf(helper.pid!), []);
      assert.equal(openInHelper(helper.pid!).sort(), HELPER_AT_REST);
      await helper.close();
    },
    { skip },
  );
}

// Whoever was killed right before it is told to go on has closed the reading end.
for (const [who, prepare] of [
  ['a frozen process', (command: Command) => command.beforeUnfreeze(() => {})],
  [
    'the runner of the map commands',
    (command: Command) => inside(command).setIdMapCommands('/bin/true', '/bin/true'),
  ],
] as const) {
  test(
    `${who} that died before it is told to go on ends its command, and not the helper`,
    async () => {
      const helper = helperWithout('write', 'EPIPE');
      const pids: number[] = [];
      for (let time = 0; time < 2; time += 1) {
        const { stage } = await rejection(prepare(shell('true')).spawn({ helper }));
        assert.is(stage, 'UnknownError');
        pids.push(helper.pid!);
      }
      assert.is(pids[0], pids[1]);
      await until('nothing is left', () => childrenOf(helper.pid!).length === 0, 1000);
      await helper.close();
    },
    { skip },
  );
}

for (const [who, prepare] of [
  ['a frozen process', (command: Command) => command.beforeUnfreeze(() => {})],
  [
    'the runner of the map commands',
    (command: Command) => inside(command).setIdMapCommands('/bin/true', '/bin/true'),
  ],
] as const) {
  test(
    `${who} that cannot be told to go on for lack of memory: stage PipeError, and the helper lives`,
    async () => {
      const helper = helperWithout('write', 'ENOMEM');
      const pids: number[] = [];
      for (let time = 0; time < 2; time += 1) {
        const { stage, code, syscall } = await rejection(prepare(shell('true')).spawn({ helper }));
        assert.equal([stage, code, syscall], ['PipeError', 'ENOMEM', 'write']);
        pids.push(helper.pid!);
      }
      assert.is(pids[0], pids[1]);
      assert.equal(childrenOf(helper.pid!), []);
      await helper.close();
    },
    { skip },
  );
}

/** Kills whoever makes the call, which only the command's own process does. */
async function assertKilled(call: string, prepare: (command: Command) => Command): Promise<void> {
  const helper = tracedHelper(['-e', `trace=${call}`, '-e', `inject=${call}:signal=KILL`]);
  for (let time = 0; time < 5; time += 1) {
    const error = await rejection(prepare(shell('true')).spawn({ helper }));
    assert.equal([error.stage, error.signal], ['UnknownError', 'SIGKILL'], error.message);
    assert.match(error.message, /signal 9 \(SIGKILL\) killed the process before execve/);
    await until('nothing is left', () => childrenOf(helper.pid!).length === 0);
  }
  assert.equal(openInHelper(helper.pid!).sort(), HELPER_AT_REST);
  await helper.close();
}

for (const [who, prepare] of [
  ['that shares the helper’s memory', (command: Command) => command],
  ['in new namespaces', inside],
  ['that a joiner has made', (command: Command) => inside(command).unshare('time')],
  ['in a joined namespace', (command: Command) => command.setNamespace('/proc/self/ns/uts', 'uts')],
] as const) {
  test(
    `a process ${who} is killed on its way: UnknownError, which says by what`,
    () => assertKilled('chdir', command => prepare(command).currentDir('/')),
    { skip: who === 'in a joined namespace' && process.getuid!() !== 0 ? 'only root joins it' : skip },
  );
}

test(
  'a process is killed while its joiner goes on: UnknownError, which says by what',
  // Only in a pid namespace that its parent is not in, a process asks this way whether the helper lives.
  () => assertKilled('poll', command => inside(command).unshare('pid', 'time')),
  { skip },
);

// `umount2` is made by the process that the maps are written for, `poll` by the one that becomes the program.
for (const call of ['umount2', 'poll']) {
  test(
    `a process is killed at ${call} while its joiner works: UnknownError, which says by what`,
    async () => {
      const target = await shell('exec sleep 60')
        .unshare('user', 'pid')
        .setIdMaps(...rootMaps())
        .spawn();
      const row = { count: 1 };
      try {
        await assertKilled(call, command =>
          command
            .setNamespace({ pid: target.pid }, 'user')
            .setNamespace({ pid: target.pid }, 'pid')
            .setIdMaps([{ insideUid: 0, outsideUid: 0, ...row }], [{ insideGid: 0, outsideGid: 0, ...row }]),
        );
      } finally {
        await target.kill();
        await target.wait();
      }
    },
    { skip },
  );
}

test(
  'where the root cannot be left, there are no maps inside a joined user namespace, and a hint says why',
  async () => {
    const target = await shell('exec sleep 60')
      .unshare('user')
      .setIdMaps(...rootMaps())
      .spawn();
    const helper = helperWithout('pivot_root', 'EINVAL');
    const row = { count: 1 };
    const error = await rejection(
      shell('true')
        .setNamespace({ pid: target.pid }, 'user')
        .setIdMaps([{ insideUid: 0, outsideUid: 0, ...row }], [{ insideGid: 0, outsideGid: 0, ...row }])
        .spawn({ helper }),
    );
    assert.equal(
      [error.stage, error.code, error.syscall, error.item],
      ['SetIdMap', 'EINVAL', 'pivot_root', null],
    );
    assert.match(error.hint!, 'initramfs');
    assert.equal(childrenOf(helper.pid!), []);
    await helper.close();
    await target.kill();
    await target.wait();
  },
  { skip },
);

test(
  'where the process that runs map commands cannot be made ready, no hint speaks of joined namespaces',
  async () => {
    const helper = helperWithout('dup3', 'EBUSY');
    const command = shell('true')
      .unshare('user')
      .setIdMaps(...rootMaps())
      .setIdMapCommands('/bin/true', '/bin/true');
    const error = await rejection(command.spawn({ helper }));
    assert.equal([error.stage, error.syscall, error.item, error.hint], ['SetIdMap', 'dup3', null, null]);
    await helper.close();
  },
  { skip },
);

test(
  'without close_range, where the list of descriptors breaks off: none is left open',
  async () => {
    const helper = tracedHelper([
      ...['-e', 'trace=close_range,getdents64', '-e', 'inject=close_range:error=ENOSYS'],
      ...['-e', 'inject=getdents64:error=ENOMEM'],
    ]);
    const { descriptors } = await stateOf(command => command.unshare('user'), helper);
    assert.equal(
      descriptors.map(({ number }) => number),
      [0, 1, 2],
    );
    await helper.close();
  },
  { skip },
);

for (const call of ['clone3', 'close_range']) {
  test(
    `without ${call}, as on an older kernel, everything works`,
    async () => {
      const helper = helperWithout(call, 'ENOSYS');
      const list = 'ls /proc/self/fd | wc -l';
      const plain = await shell(list).output({ helper });
      // And the one by which `ls` reads the directory.
      assert.is(plain.stdout.toString(), '4\n');
      const isolated = await shell(`id -u; echo $$; ${list}`)
        .unshare('user', 'pid', 'net', 'time')
        .setIdMaps(...rootMaps())
        .output({ helper });
      assert.is(isolated.stdout.toString(), '0\n1\n4\n', isolated.stderr.toString());
      await helper.close();
    },
    { skip },
  );
}

test.run();
