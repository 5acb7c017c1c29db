import * as assert from 'uvu/assert';
import { Command, Fd, type Helper, Stdio, step } from '../client';
import type { UnshareError } from '../client/error/error';
import type { Carried } from '../client/helper/carried';
import { unshare } from './messages';

import allSyscalls = require('../client/syscalls');

import type { SpawnRequest } from '../client/command/spawn-request';
import type { Start } from '../client/helper/working-directory';
import { toSpawnMessage } from '../client/protocol/spawn-message';
import { suite } from './harness';

import v1 = unshare.v1;

const test = suite('spawn-message');
const syscalls = allSyscalls[process.arch]!;

const NO_START: Start = { clientDir: null, startDir: null };

test('what is inherited is not named, and everything else is', async () => {
  const { descriptors } = await sent(
    new Command('/a')
      .stdin('null')
      .stderr('piped')
      .fileDescriptor(4, Fd.pipedRead())
      .fileDescriptor(3, Fd.writeNull()),
  );
  const { DescriptorSource: source } = v1;
  assert.equal(
    descriptors.map(({ number, source: kind }) => [number, kind]),
    [
      [0, source.DESCRIPTOR_SOURCE_NULL_READ],
      [2, source.DESCRIPTOR_SOURCE_PIPE_WRITE],
      [4, source.DESCRIPTOR_SOURCE_PIPE_READ],
      [3, source.DESCRIPTOR_SOURCE_NULL_WRITE],
    ],
  );
});

test('ranges are told by their last number', async () => {
  const { closeDescriptors } = await sent(
    new Command('/a')
      .closeFds(3, 4)
      .closeFds(5)
      .closeFds(6, 2 ** 40),
  );
  assert.equal(
    closeDescriptors.map(({ first, last }) => [first, last]),
    [
      [3, 3],
      [5, 2 ** 32 - 1],
      [6, 2 ** 32 - 1],
    ],
  );
});

test('the groups may be none, which is not the same as not being set', async () => {
  const [none, unset] = [await sent(new Command('/a').groups([])), await sent(new Command('/a'))];
  assert.equal([none.groups?.gids, unset.groups], [[], null]);
});

test('capabilities are bits', async () => {
  const { keepCapabilities } = await sent(
    new Command('/a').keepCaps(['CAP_CHECKPOINT_RESTORE', 'CAP_CHOWN', 'CAP_SETFCAP']),
  );
  assert.is(`${keepCapabilities}`, `${2 ** 40 + 2 ** 31 + 1}`);
});

test('no capabilities are not the same as not being set', async () => {
  const none = await sent(new Command('/a').keepCaps([]));
  const unset = await sent(new Command('/a'));
  assert.equal([`${none.keepCapabilities}`, unset.keepCapabilities], ['0', null]);
});

test('the indexes of the variables with the pid are told', async () => {
  const first = await sent(new Command('/a').envClear().envVarWithPid('PID'));
  const unset = await sent(new Command('/a').envClear().env('PID', '1'));
  assert.equal([first.pidVariables, unset.pidVariables], [[0], []]);
});

test('a path, a process and a descriptor to join', async () => {
  const { joins } = await sent(
    new Command('/a').setNamespace('ns/net', 'net').setNamespace({ pid: 7 }, 'uts').setNamespace(5, 'time'),
  );
  assert.equal(
    joins.map(({ namespace, path, pid }) => [namespace, Buffer.from(path!).toString(), pid]),
    [
      [v1.Namespace.NAMESPACE_NET, 'ns/net', 0],
      [v1.Namespace.NAMESPACE_UTS, '', 7],
      [v1.Namespace.NAMESPACE_TIME, '', 0],
    ],
  );
});

test('what a dedicated helper was started with is named by where it has it', async () => {
  const { joins, descriptors } = await sent(
    new Command('/a').setNamespace(5, 'uts').stdin(Stdio.dupFile(7)).fileDescriptor(9, Fd.inherit()),
    NO_START,
    [
      { purpose: 9, source: 9, at: 4 },
      { purpose: 0, source: 7, at: 5 },
      { purpose: 'uts', source: 5, at: 6 },
    ],
  );
  assert.is(joins[0]!.helperDescriptor, 6);
  assert.equal(
    descriptors.map(({ number, source, helperDescriptor }) => [number, source, helperDescriptor]),
    [
      [0, v1.DescriptorSource.DESCRIPTOR_SOURCE_HELPER, 5],
      [9, v1.DescriptorSource.DESCRIPTOR_SOURCE_HELPER, 4],
    ],
  );
});

test('the directory of the client is told with its device and inode, exactly', async () => {
  const identity = { device: 3, inode: BigInt('0xfedcba9876543210') };
  const start = { ...NO_START, clientDir: { identity, path: Buffer.of(0xe9) } };
  const { clientDir } = toSpawnMessage(await requestOf(new Command('/a')), start);
  // Fields 1, 2 and 3; the inode has ten bytes.
  const expected = '0803' + '1090e4d0b287d3aeeefe01' + '1a01e9';
  assert.is(Buffer.from(v1.ClientDir.encode(clientDir!).finish()).toString('hex'), expected);
  const unknown = await sent(new Command('/a'), { ...NO_START, clientDir: { identity: null, path: null } });
  assert.equal([Number(unknown.clientDir!.inode), unknown.clientDir!.path!.length], [0, 0]);
  assert.not((await sent(new Command('/a'))).clientDir);
});

test('a namespace that is new and joined is an error of the stage SetNs', async () => {
  const error = await refusal(new Command('/a').setNamespace({ pid: 1 }, 'net').unshare('net'));
  assert.equal([error.stage, error.item, error.errno], ['SetNs', 'net', null]);
});

test('a user namespace may be new and joined', async () => {
  const { joins, namespaces } = await sent(
    new Command('/a').setNamespace({ pid: 1 }, 'user').unshare('user'),
  );
  assert.equal([joins.length, namespaces], [1, [v1.Namespace.NAMESPACE_USER]]);
});

test('paths are told as they are given', async () => {
  const { idMapCommands, joins } = await sent(
    new Command('/a')
      .setIdMaps([{ insideUid: 0, outsideUid: 0, count: 1 }], [])
      .setIdMapCommands('newuidmap', '/b')
      .setNamespace('ns', 'net'),
  );
  assert.equal(
    [idMapCommands!.newuidmap, idMapCommands!.newgidmap, joins[0]!.path].map(path =>
      Buffer.from(path!).toString(),
    ),
    ['newuidmap', '/b', 'ns'],
  );
});

test('commands for id maps are nothing without maps, wherever they are', async () => {
  const command = new Command('/a').setIdMapCommands('newuidmap', 'newgidmap');
  assert.is((await sent(command)).idMapCommands, null);
});

test('numbers of steps are two’s complement of 64 bits', async () => {
  const { preExec } = await sent(
    new Command('/a').preExec([
      step.syscall('prctl', -1, 0, 2 ** 31, Number.MAX_SAFE_INTEGER, -(BigInt(2) ** BigInt(63)), -100),
    ]),
  );
  assert.equal(
    preExec[0]!.arguments!.map(({ number }) => `${number}`),
    [
      '18446744073709551615',
      '0',
      '2147483648',
      '9007199254740991',
      '9223372036854775808',
      '18446744073709551516',
    ],
  );
});

test('an array that is used again is a reference to where it stood first', async () => {
  const array = Uint8Array.of(1);
  const { preExec } = await sent(
    new Command('/a').preExec([
      step.syscall('openat', 1, 'x', array),
      step.allowFailure(step.syscall('read', step.result(0), array)),
      step.syscall('write', array, Uint8Array.of(1), 'x'),
    ]),
  );
  assert.equal(
    preExec.map(({ number, allowFailure }) => [number, allowFailure]),
    [
      [syscalls.openat, false],
      [syscalls.read, true],
      [syscalls.write, false],
    ],
  );
  const described = preExec.map(({ arguments: values }) => values!.map(describe));
  assert.equal(described, [
    ['number 1', 'buffer 78', 'buffer 01'],
    ['result 0', 'reference 0 2'],
    ['reference 0 2', 'buffer 01', 'buffer 78'],
  ]);
});

test('a command is frozen for beforeUnfreeze only', async () => {
  const frozen = await sent(new Command('/a').beforeUnfreeze(() => {}));
  assert.equal([frozen.freeze, (await sent(new Command('/a'))).freeze], [true, false]);
});

test.run();

/** What the helper reads of the message for `command`. */
async function sent(command: Command, start = NO_START, carried: Carried[] = []): Promise<v1.Spawn> {
  const message = toSpawnMessage(await requestOf(command), start, carried);
  return v1.Spawn.decode(v1.Spawn.encode(message).finish()) as v1.Spawn;
}

async function refusal(command: Command): Promise<UnshareError> {
  const request = await requestOf(command);
  try {
    toSpawnMessage(request, NO_START);
  } catch (error) {
    return error as UnshareError;
  }
  throw new Error('it was not refused');
}

/** What a helper is asked for. */
async function requestOf(command: Command): Promise<SpawnRequest> {
  let asked: SpawnRequest | undefined;
  const helper = {
    async start(request: SpawnRequest): Promise<never> {
      asked = request;
      throw new Error('it starts nothing');
    },
  };
  await command.spawn({ helper: helper as unknown as Helper }).catch(() => {});
  return asked!;
}

function describe({ value, number, buffer, result, reference }: v1.StepArgument.$Properties): string {
  switch (value) {
    case 'number':
      return `number ${number}`;
    case 'buffer':
      return `buffer ${Buffer.from(buffer!).toString('hex')}`;
    case 'result':
      return `result ${result}`;
    default:
      return `reference ${reference?.step} ${reference?.argument}`;
  }
}
