import * as assert from 'uvu/assert';
import { Command, type Helper, step } from '../client';
import type { SpawnRequest } from '../client/command/spawn-request';
import type { UnshareError } from '../client/error/error';
import { toSpawnError } from '../client/error/spawn-failure';
import { toSpawnMessage } from '../client/protocol/spawn-message';
import { suite } from './harness';
import { unshare } from './messages';

import v1 = unshare.v1;

const test = suite('spawn-failure');

const { Stage, Item } = v1;
const EPERM = 1;
const ENOENT = 2;
const ENOMEM = 12;
const EINVAL = 22;

/** What has failed, of which command, and what the error has of it. */
const ITEMS: [
  what: string,
  prepare: (command: Command) => unknown,
  failure: v1.SpawnFailed.$Properties,
  error: Partial<UnshareError>,
][] = [
  [
    'a new root',
    command => command.pivotRoot('/new', '/new/old', true),
    { stage: Stage.STAGE_CHANGE_ROOT, item: Item.ITEM_NEW_ROOT },
    { stage: 'ChangeRoot', item: '/new', path: '/new' },
  ],
  [
    'the place of the old root',
    command => command.pivotRoot('/new', '/new/old', true),
    { stage: Stage.STAGE_CHANGE_ROOT, item: Item.ITEM_PUT_OLD },
    { stage: 'ChangeRoot', item: '/new/old', path: '/new/old' },
  ],
  [
    'a directory for chroot',
    command => command.chrootDir('/root'),
    { stage: Stage.STAGE_CHANGE_ROOT, item: Item.ITEM_CHROOT_DIR },
    { stage: 'ChangeRoot', item: '/root', path: '/root' },
  ],
  [
    'a namespace by its path',
    command => command.setNamespace('/ns', 'net'),
    { stage: Stage.STAGE_SET_NS, item: Item.ITEM_JOIN, index: v1.Namespace.NAMESPACE_NET },
    { stage: 'SetNs', item: 'net', path: '/ns' },
  ],
  [
    'a namespace of a process',
    command => command.setNamespace({ pid: 5 }, 'time'),
    { stage: Stage.STAGE_SET_NS, item: Item.ITEM_JOIN, index: v1.Namespace.NAMESPACE_TIME },
    { stage: 'SetNs', item: 'time', path: null },
  ],
  [
    'a command for the map of uids',
    command => withMaps(command).setIdMapCommands('/u', '/g'),
    { stage: Stage.STAGE_SET_ID_MAP, item: Item.ITEM_NEWUIDMAP },
    { stage: 'SetIdMap', item: '/u', path: '/u' },
  ],
  [
    'a command for the map of gids',
    command => withMaps(command).setIdMapCommands('/u', '/g'),
    { stage: Stage.STAGE_AUX_COMMAND_EXITED, item: Item.ITEM_NEWGIDMAP },
    { stage: 'AuxCommandExited', item: '/g', path: '/g' },
  ],
  [
    'the bounding set',
    command => command,
    { stage: Stage.STAGE_CAP_SET, item: Item.ITEM_BOUNDING, index: 21 },
    { stage: 'CapSet', item: 'bounding', path: null, index: null },
  ],
  [
    'the ambient set',
    command => command,
    { stage: Stage.STAGE_CAP_SET, item: Item.ITEM_AMBIENT },
    { stage: 'CapSet', item: 'ambient' },
  ],
  [
    'a step',
    command => command.preExec([step.syscall('getpid'), step.syscall('ioctl', 0)]),
    { stage: Stage.STAGE_PRE_EXEC, item: Item.ITEM_STEP, index: 1 },
    { stage: 'PreExec', item: 'step 1 (ioctl)', index: 1, syscall: 'ioctl', path: null },
  ],
  [
    'a descriptor',
    command => command,
    { stage: Stage.STAGE_STDIO_ERROR, item: Item.ITEM_DESCRIPTOR, index: 7 },
    { stage: 'StdioError', item: '7' },
  ],
  [
    'the signals',
    command => command,
    { stage: Stage.STAGE_UNKNOWN_ERROR, item: Item.ITEM_SIGNALS },
    { stage: 'UnknownError', item: 'signals' },
  ],
  [
    'a signal',
    command => command,
    { stage: Stage.STAGE_UNKNOWN_ERROR, item: Item.ITEM_SIGNALS, index: 1 },
    { stage: 'UnknownError', item: 'SIGHUP' },
  ],
  [
    'the umask',
    command => command,
    { stage: Stage.STAGE_UNKNOWN_ERROR, item: Item.ITEM_UMASK },
    { stage: 'UnknownError', item: 'umask' },
  ],
];

for (const [what, prepare, failure, expected] of ITEMS) {
  test(`an error about ${what} has it as item`, async () => {
    const error = await errorOf(prepare, { errno: EINVAL, ...failure });
    for (const [name, value] of Object.entries(expected)) {
      assert.equal(error[name as keyof UnshareError], value, name);
    }
  });
}

test('a step that no system call failed in has none', async () => {
  const error = await errorOf(command => command.preExec([step.syscall('getpid')]), {
    stage: Stage.STAGE_PRE_EXEC,
    item: Item.ITEM_STEP,
    detail: 'no system call has that number',
  });
  assert.equal([error.syscall, error.index], [null, 0]);
  assert.is(error.message, 'cannot run step 0 of preExec, getpid(): no system call has that number');
});

const SENTENCES: [message: string, (command: Command) => unknown, v1.SpawnFailed.$Properties][] = [
  [
    'cannot join the net namespace "/ns": No such file or directory (ENOENT, errno 2)',
    command => command.setNamespace('/ns', 'net'),
    { errno: ENOENT, stage: Stage.STAGE_SET_NS, item: Item.ITEM_JOIN, index: v1.Namespace.NAMESPACE_NET },
  ],
  [
    'cannot join the pid namespace of process 5: Operation not permitted (EPERM, errno 1); ' +
      "it needs CAP_SYS_ADMIN in the user namespace that owns it and in the command's own",
    command => command.setNamespace({ pid: 5 }, 'pid'),
    { errno: EPERM, stage: Stage.STAGE_SET_NS, item: Item.ITEM_JOIN, index: v1.Namespace.NAMESPACE_PID },
  ],
  [
    'cannot set the bounding set (CAP_SYS_ADMIN): Operation not permitted (EPERM, errno 1); ' +
      'what keepCaps() does not name is dropped from the bounding set, which needs CAP_SETPCAP',
    command => command,
    { errno: EPERM, stage: Stage.STAGE_CAP_SET, item: Item.ITEM_BOUNDING, index: 21 },
  ],
  [
    'cannot set the capabilities (CAP_BPF): this kernel does not know it',
    command => command,
    {
      stage: Stage.STAGE_CAP_SET,
      item: Item.ITEM_CAPABILITIES,
      index: 39,
      detail: 'this kernel does not know it',
    },
  ],
  [
    'cannot change the root directory (chroot to "/root"): No such file or directory (ENOENT, errno 2)',
    command => command.chrootDir('/root'),
    { errno: ENOENT, stage: Stage.STAGE_CHANGE_ROOT, item: Item.ITEM_CHROOT_DIR },
  ],
  [
    'cannot set up descriptor 7: Bad file descriptor (EBADF, errno 9)',
    command => command,
    { errno: 9, stage: Stage.STAGE_STDIO_ERROR, item: Item.ITEM_DESCRIPTOR, index: 7 },
  ],
  [
    'cannot run "/u": No such file or directory (ENOENT, errno 2)',
    command => withMaps(command).setIdMapCommands('/u', '/g'),
    { errno: ENOENT, stage: Stage.STAGE_SET_ID_MAP, item: Item.ITEM_NEWUIDMAP },
  ],
  [
    '"/u" failed: exit status: 1, it wrote "newuidmap: not \\u001b allowed"',
    command => withMaps(command).setIdMapCommands('/u', '/g'),
    {
      stage: Stage.STAGE_AUX_COMMAND_EXITED,
      item: Item.ITEM_NEWUIDMAP,
      exitStatus: { exitCode: 1 },
      stderr: Buffer.from('\n  newuidmap: not \u001b allowed \nmore\n'),
    },
  ],
  [
    '"/g" was killed: signal: 9 (SIGKILL)',
    command => withMaps(command).setIdMapCommands('/u', '/g'),
    { stage: Stage.STAGE_AUX_COMMAND_KILLED, item: Item.ITEM_NEWGIDMAP, exitStatus: { signal: 9 } },
  ],
];

for (const [message, prepare, failure] of SENTENCES) {
  test(`the message reads: ${message}`, async () => {
    assert.is((await errorOf(prepare, failure)).message, message);
  });
}

test('an id map command that failed has its status and what it wrote', async () => {
  const { exitStatus, stderr } = await errorOf(withMaps, {
    stage: Stage.STAGE_AUX_COMMAND_EXITED,
    item: Item.ITEM_NEWUIDMAP,
    exitStatus: { exitCode: 7 },
    stderr: Buffer.of(0xff, 0x0a),
  });
  assert.equal([exitStatus?.code, stderr], [7, Buffer.of(0xff, 0x0a)]);
});

test('other errors have neither', async () => {
  const { exitStatus, stderr, index } = await errorOf(withMaps, { stage: Stage.STAGE_EXEC, errno: ENOENT });
  assert.equal([exitStatus, stderr, index], [null, null, null]);
});

const HINTS: [what: string, words: string, (command: Command) => unknown, v1.SpawnFailed.$Properties][] = [
  [
    'a command for maps without a slash',
    'no search in PATH',
    command => withMaps(command).setIdMapCommands('newuidmap', 'newgidmap'),
    { stage: Stage.STAGE_SET_ID_MAP, item: Item.ITEM_NEWUIDMAP, errno: ENOENT },
  ],
  [
    'the own user namespace',
    'already',
    command => command.setNamespace({ pid: 1 }, 'user'),
    {
      stage: Stage.STAGE_SET_NS,
      item: Item.ITEM_JOIN,
      index: v1.Namespace.NAMESPACE_USER,
      errno: EINVAL,
    },
  ],
  [
    'a pid namespace without its init',
    'lost its init',
    command => command.setNamespace({ pid: 1 }, 'pid'),
    { stage: Stage.STAGE_FORK, errno: ENOMEM },
  ],
  [
    'a new root that is no mount point',
    'mount point',
    command => command.pivotRoot('/a', '/a', true),
    { stage: Stage.STAGE_CHANGE_ROOT, item: Item.ITEM_NEW_ROOT, errno: EINVAL },
  ],
  [
    'chroot without privilege',
    'CAP_SYS_CHROOT',
    command => command.chrootDir('/a'),
    { stage: Stage.STAGE_CHANGE_ROOT, item: Item.ITEM_CHROOT_DIR, errno: EPERM },
  ],
  [
    'a program that is missing in a new root',
    'inside the new root',
    command => command.chrootDir('/a'),
    { stage: Stage.STAGE_EXEC, item: Item.ITEM_PROGRAM, errno: ENOENT },
  ],
];

for (const [what, words, prepare, failure] of HINTS) {
  test(`the hint for ${what} says so`, async () => {
    const { hint, message } = await errorOf(prepare, failure);
    assert.match(hint ?? '', words);
    assert.match(message, words);
  });
}

test.run();

function withMaps(command: Command): Command {
  return command.setIdMaps([{ insideUid: 0, outsideUid: 0, count: 1 }], []);
}

/** The error that a failure of a command that `prepare` has had its way with becomes. */
async function errorOf(
  prepare: (command: Command) => unknown,
  failure: v1.SpawnFailed.$Properties,
): Promise<UnshareError> {
  let asked: SpawnRequest | undefined;
  const helper = {
    async start(request: SpawnRequest): Promise<never> {
      asked = request;
      throw new Error('it starts nothing');
    },
  };
  const command = new Command('/bin/true');
  prepare(command);
  await command.spawn({ helper: helper as unknown as Helper }).catch(() => {});
  const message = toSpawnMessage(asked!, { clientDir: null, startDir: null });
  const received = v1.SpawnFailed.decode(v1.SpawnFailed.encode(failure).finish()) as v1.SpawnFailed;
  return toSpawnError('/helper', received, { request: asked!, message });
}
