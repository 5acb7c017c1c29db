import { inspect } from 'util';
import * as assert from 'uvu/assert';
import { Command, Fd, GidMap, type Helper, Namespace, Stdio, Style, step, UidMap } from '../client';
import { Environment } from '../client/command/environment';
import type { SpawnRequest } from '../client/command/spawn-request';
import { suite } from './harness';

const test = suite('command');

/**
 * Calls that are given what they cannot use, and the start of the error's message, which names the argument.
 */
const TYPE_ERRORS: [call: string, message: string, (command: Command) => unknown][] = [
  ['new Command(1)', 'program', () => new Command(wrong(1))],
  ['new Command("")', 'program', () => new Command('')],
  ['new Command with a NUL', 'program', () => new Command('a\0')],
  ['arg(1)', 'argument', command => command.arg(wrong(1))],
  ['arg with a NUL', 'argument', command => command.arg('\0')],
  ['args of a string', 'args', command => command.args(wrong('abc'))],
  ['args of a number', 'args', command => command.args(wrong(1))],
  ['args with a number in it', 'argument', command => command.args(wrong(['a', 1]))],
  ['arg0(null)', 'arg0', command => command.arg0(wrong(null))],
  ['env with an empty key', 'key', command => command.env('', 'x')],
  ['env with an equals sign in the key', 'key', command => command.env('a=b', 'x')],
  ['env with a NUL in the key', 'key', command => command.env('a\0', 'x')],
  ['env with a NUL in the value', 'value', command => command.env('a', '\0')],
  ['env with a number', 'value', command => command.env('a', wrong(1))],
  ['envs(1)', 'envs', command => command.envs(wrong(1))],
  ['envs(null)', 'envs', command => command.envs(wrong(null))],
  ['envRemove with an equals sign', 'key', command => command.envRemove('a=b')],
  ['currentDir(1)', 'currentDir', command => command.currentDir(wrong(1))],
  ['stdin with another word', 'stdin', command => command.stdin(wrong('pype'))],
  ['stdout with a boolean', 'stdout', command => command.stdout(wrong(true))],
  ['stderr(null)', 'stderr', command => command.stderr(wrong(null))],
  ['unshare with another word', 'a namespace', command => command.unshare(wrong('time machine'))],
  ['unshare with a number', 'a namespace', command => command.unshare(wrong(1))],
  ['setIdMaps without gid maps', 'gidMaps', command => command.setIdMaps([], wrong(undefined))],
  ['setIdMaps with a number as row', 'a row of uidMaps', command => command.setIdMaps(wrong([1]), [])],
  ['setIdMaps with gid rows as uid rows', 'insideUid', command => command.setIdMaps(wrong([gidRow(1)]), [])],
  ['uid("0")', 'uid', command => command.uid(wrong('0'))],
  ['gid(null)', 'gid', command => command.gid(wrong(null))],
  ['makeGroupLeader(1)', 'makeGroupLeader', command => command.makeGroupLeader(wrong(1))],
  ['newSession(1)', 'newSession', command => command.newSession(wrong(1))],
  [
    'makeGroupLeader(false) after newSession()',
    'makeGroupLeader',
    command => command.newSession().makeGroupLeader(false),
  ],
  [
    'newSession() after makeGroupLeader(false)',
    'newSession',
    command => command.makeGroupLeader(false).newSession(),
  ],
  [
    'setParentDeathSignal of no signal',
    'there is no signal',
    command => command.setParentDeathSignal(wrong('KILL')),
  ],
  ['envVarWithPid with an empty key', 'key', command => command.envVarWithPid('')],
  ['envVarWithPid with an equals sign in the key', 'key', command => command.envVarWithPid('a=b')],
  ['fileDescriptor("3")', 'number', command => command.fileDescriptor(wrong('3'), Fd.pipedRead())],
  ['fileDescriptor with a Stdio', 'fd', command => command.fileDescriptor(3, wrong(Stdio.piped()))],
  ['fileDescriptor with a string', 'fd', command => command.fileDescriptor(3, wrong('piped'))],
  ['closeFds("3")', 'from', command => command.closeFds(wrong('3'))],
  ['closeFds(3, null)', 'to', command => command.closeFds(3, wrong(null))],
  ['groups(1)', 'groups', command => command.groups(wrong(1))],
  ['groups of a string', 'groups', command => command.groups(wrong('1'))],
  ['groups with a string in it', 'a gid of groups', command => command.groups(wrong(['1']))],
  [
    'mountPropagation with another word',
    'mountPropagation',
    command => command.mountPropagation(wrong('rslave')),
  ],
  ['setNamespace with another word', 'a namespace', command => command.setNamespace('/a', wrong('network'))],
  ['setNamespace(null)', 'source', command => command.setNamespace(wrong(null), 'net')],
  ['setNamespace of an empty object', 'source', command => command.setNamespace(wrong({}), 'net')],
  ['setNamespace of an empty path', 'source', command => command.setNamespace('', 'net')],
  ['setNamespace with a NUL', 'source', command => command.setNamespace('a\0', 'net')],
  [
    'setNamespace of a child without pid',
    'source',
    command => command.setNamespace(wrong({ pid: null }), 'net'),
  ],
  [
    'setIdMapCommands without the second',
    'newgidmap',
    command => command.setIdMapCommands('/a', wrong(undefined)),
  ],
  ['setIdMapCommands of an empty path', 'newuidmap', command => command.setIdMapCommands('', '/a')],
  ['keepCaps of a string', 'keepCaps', command => command.keepCaps(wrong('CAP_CHOWN'))],
  ['keepCaps of a number', 'keepCaps', command => command.keepCaps(wrong(1))],
  ['keepCaps with another word', 'a capability of keepCaps', command => command.keepCaps(wrong(['CHOWN']))],
  ['keepCaps with a number in it', 'a capability of keepCaps', command => command.keepCaps(wrong([0]))],
  ['beforeUnfreeze(null)', 'beforeUnfreeze', command => command.beforeUnfreeze(wrong(null))],
  ['preExec of a step', 'preExec', command => command.preExec(wrong(step.syscall('getpid')))],
  ['chrootDir of a relative path', 'chrootDir', command => command.chrootDir('a/b')],
  ['chrootDir of an empty path', 'chrootDir', command => command.chrootDir('')],
  ['pivotRoot with a relative root', 'newRoot', command => command.pivotRoot('a', '/a/b', true)],
  ['pivotRoot with a relative old root', 'putOld', command => command.pivotRoot('/a', 'a/b', true)],
  ['pivotRoot with an old root outside', 'putOld', command => command.pivotRoot('/a/b', '/a/bc', true)],
  ['pivotRoot with an old root above', 'putOld', command => command.pivotRoot('/a/b', '/a', true)],
  ['pivotRoot with .. in the root', 'newRoot', command => command.pivotRoot('/a/../b', '/a/../b', true)],
  ['pivotRoot with .. in the old root', 'putOld', command => command.pivotRoot('/a', '/a/b/../..', true)],
  ['pivotRoot without unmount', 'unmount', command => command.pivotRoot('/a', '/a', wrong(undefined))],
  ['display without a style', 'style', command => command.display(wrong(undefined))],
];

for (const [call, message, body] of TYPE_ERRORS) {
  test(`${call} is a TypeError that names the argument`, () => {
    assert.throws(
      () => body(new Command('/bin/true')),
      (error: Error) => error instanceof TypeError && error.message.startsWith(message),
    );
  });
}

const RANGE_ERRORS: [call: string, message: string, (command: Command) => unknown][] = [
  ['uid(-1)', 'uid', command => command.uid(-1)],
  ['uid(1.5)', 'uid', command => command.uid(1.5)],
  ['uid(NaN)', 'uid', command => command.uid(Number.NaN)],
  ['uid(2 ** 32 - 1)', 'uid', command => command.uid(2 ** 32 - 1)],
  ['gid(2 ** 32)', 'gid', command => command.gid(2 ** 32)],
  ['setIdMaps with a count of 0', 'count', command => command.setIdMaps([], [gidRow(0)])],
  ['setIdMaps with a count of 2 ** 32', 'count', command => command.setIdMaps([], [gidRow(2 ** 32)])],
  ['new UidMap with a negative id', 'outsideUid', () => new UidMap(0, -1, 1)],
  ['new GidMap with a fraction', 'insideGid', () => new GidMap(0.5, 0, 1)],
  ['setParentDeathSignal(0)', 'signal', command => command.setParentDeathSignal(0)],
  ['setParentDeathSignal(65)', 'signal', command => command.setParentDeathSignal(65)],
  ['fileDescriptor(2)', 'number', command => command.fileDescriptor(2, Fd.pipedRead())],
  ['fileDescriptor(3.5)', 'number', command => command.fileDescriptor(3.5, Fd.pipedRead())],
  ['fileDescriptor(2 ** 31 - 1)', 'number', command => command.fileDescriptor(2 ** 31 - 1, Fd.pipedRead())],
  ['closeFds(2)', 'from', command => command.closeFds(2)],
  ['closeFds(NaN)', 'from', command => command.closeFds(Number.NaN)],
  ['closeFds(3, 4.5)', 'to', command => command.closeFds(3, 4.5)],
  ['closeFds(3, NaN)', 'to', command => command.closeFds(3, Number.NaN)],
  ['closeFds(3, -Infinity)', 'to', command => command.closeFds(3, Number.NEGATIVE_INFINITY)],
  ['groups([-1])', 'a gid of groups', command => command.groups([-1])],
  ['groups([2 ** 32 - 1])', 'a gid of groups', command => command.groups([2 ** 32 - 1])],
  ['setNamespace(-1)', 'source', command => command.setNamespace(-1, 'net')],
  ['setNamespace of a closed file', 'source', command => command.setNamespace({ fd: -1 }, 'net')],
  ['setNamespace of process 0', 'source', command => command.setNamespace({ pid: 0 }, 'net')],
];

for (const [call, message, body] of RANGE_ERRORS) {
  test(`${call} is a RangeError that names the argument`, () => {
    assert.throws(
      () => body(new Command('/bin/true')),
      (error: Error) => error instanceof RangeError && error.message.startsWith(message),
    );
  });
}

test('every method of the builder returns the command', () => {
  const command = new Command('/bin/true');
  const returned = [
    command.arg('a'),
    command.args(['b', Uint8Array.of(0xff)]),
    command.arg0('c'),
    command.env('A', 'b'),
    command.envs({ C: 'd', E: undefined }),
    command.envs([['F', 'g']]),
    command.envs(new Map([['H', 'i']])),
    command.envRemove('C'),
    command.envClear(),
    command.currentDir('/'),
    command.stdin('null'),
    command.stdout(Stdio.piped()),
    command.stderr('inherit'),
    command.unshare('uts', 'ipc'),
    command.unshare([Namespace.Pid]),
    command.unshare(new Set<Namespace>(['net'])),
    command.unshare(),
    command.setIdMaps([new UidMap(0, 2 ** 32 - 2, 1)], [{ insideGid: 0, outsideGid: 0, count: 2 ** 32 - 1 }]),
    command.uid(2 ** 32 - 2),
    command.gid(0),
    command.makeGroupLeader(),
    command.newSession(),
    command.newSession(false),
    command.makeGroupLeader(false),
    command.allowDaemonize(),
    command.setParentDeathSignal('SIGRTMIN+1'),
    command.setParentDeathSignal(64),
    command.envVarWithPid('LISTEN_PID'),
    command.fileDescriptor(3, Fd.pipedRead()),
    command.fileDescriptor(2 ** 31 - 2, Fd.writeNull()),
    command.closeFds(),
    command.closeFds(3, 2 ** 40),
    command.resetFds(),
    command.groups(new Set([0, 2 ** 32 - 2])),
    command.mountPropagation('unchanged'),
    command.setNamespace('/proc/1/ns/net', 'net'),
    command.setIdMapCommands('newuidmap', Buffer.from('newgidmap')),
    command.keepCaps([]),
    command.keepSigmask(),
    command.beforeUnfreeze(() => {}),
    command.preExec([]),
    command.chrootDir('/a'),
    command.pivotRoot('/a', '/a/b', false),
  ];
  assert.ok(returned.every(value => value === command));
});

test('the last call for a descriptor counts', async () => {
  const command = new Command('/bin/true')
    .fileDescriptor(5, Fd.pipedRead())
    .fileDescriptor(5, Fd.writeNull());
  const [last, ...more] = (await requestOf(command)).descriptors.slice(3);
  assert.equal([last?.number, last?.kind, more], [5, 'null-write', []]);
});

test('standard input, output and error are always there, in the right direction', async () => {
  const command = new Command('/bin/true').stdin('null').stdout('null').stderr('piped');
  assert.equal(
    (await requestOf(command)).descriptors.map(({ number, kind }) => [number, kind]),
    [
      [0, 'null-read'],
      [1, 'null-write'],
      [2, 'piped-write'],
    ],
  );
});

test('output() pipes what is not set', async () => {
  const requests: SpawnRequest[] = [];
  await new Command('/bin/true')
    .stderr('inherit')
    .output({ helper: capturing(requests) })
    .catch(() => {});
  const kinds = requests[0]?.descriptors.map(({ kind }) => kind);
  assert.equal(kinds, ['null-read', 'piped-write', 'inherit']);
});

test('ranges add up, without empty ones', async () => {
  const command = new Command('/bin/true').closeFds(10, 12).closeFds(5, 5).closeFds();
  assert.equal((await requestOf(command)).closeRanges, [
    { from: 10, to: 12 },
    { from: 3, to: Number.POSITIVE_INFINITY },
  ]);
});

test('resetFds() makes descriptors those of a new command', async () => {
  const command = new Command('/bin/true').stdout('null').fileDescriptor(3, Fd.readNull()).closeFds();
  const { descriptors, closeRanges } = await requestOf(command.resetFds());
  const fresh = await requestOf(new Command('/bin/true'));
  assert.equal([descriptors, closeRanges], [fresh.descriptors, []]);
});

test('each call of groups replaces', async () => {
  const { groups } = await requestOf(new Command('/bin/true').groups([1, 2]).groups([3, 0]));
  assert.equal(groups, [3, 0]);
});

test('each call of keepCaps replaces, and the numbers are in order and there once', async () => {
  const command = new Command('/bin/true').keepCaps(['CAP_KILL']);
  command.keepCaps(['CAP_SETUID', 'CAP_CHOWN', 'CAP_SETUID']);
  assert.equal((await requestOf(command)).keepCapabilities, [0, 7]);
});

test('the last call of setNamespace for a kind counts', async () => {
  const command = new Command('/bin/true').setNamespace('a', 'net').setNamespace({ pid: 5 }, 'uts');
  command.setNamespace({ fd: 4 }, 'net');
  assert.equal((await requestOf(command)).joins, [
    { namespace: 'net', source: { fd: 4 } },
    { namespace: 'uts', source: { pid: 5 } },
  ]);
});

test('each call of preExec replaces', async () => {
  const command = new Command('/bin/true')
    .preExec([step.syscall('getpid')])
    .preExec([step.syscall('getuid')]);
  assert.equal(
    (await requestOf(command)).preExec.map(({ name }) => name),
    ['getuid'],
  );
});

test('each call of beforeUnfreeze replaces', async () => {
  const last = () => {};
  const command = new Command('/bin/true').beforeUnfreeze(() => {}).beforeUnfreeze(last);
  assert.is((await requestOf(command)).beforeUnfreeze, last);
});

test('the old root may be the new one, and paths are compared by their names', async () => {
  const command = new Command('/bin/true').pivotRoot('//a/./b/', '/a//b/.', true);
  const { pivotRoot } = await requestOf(command);
  assert.equal(pivotRoot, {
    newRoot: Buffer.from('//a/./b/'),
    putOld: Buffer.from('/a//b/.'),
    unmount: true,
  });
});

test('steps have what their arrays hold at the spawn, and one copy of each array', async () => {
  const array = Uint8Array.of(1, 2);
  const command = new Command('/bin/true').preExec([
    step.syscall('read', 0, array, 2),
    step.syscall('write', 1, array, 2),
  ]);
  array[0] = 7;
  const { preExec } = await requestOf(command);
  array[0] = 9;
  const [read, written] = preExec.map(({ arguments: values }) => values[1]);
  assert.ok(read?.kind === 'buffer' && written?.kind === 'buffer');
  assert.equal(read.bytes, Buffer.of(7, 2));
  assert.is(read.bytes, written.bytes);
});

test('what was spawned before does not change with the command', async () => {
  const command = new Command('/bin/true').envClear().env('A', 'b').closeFds(3, 4).unshare('uts');
  const request = await requestOf(command);
  command.arg('x').env('C', 'd').closeFds().unshare('net').setNamespace('/a', 'pid').keepCaps([]);
  command.fileDescriptor(3, Fd.readNull()).setIdMaps([], []).groups([1]).envVarWithPid('A');
  assert.equal(request.arguments, [Buffer.from('/bin/true')]);
  assert.equal(request.environment, [Buffer.from('A=b')]);
  assert.equal([request.pidVariables, request.groups, request.keepCapabilities], [[], null, null]);
  assert.equal([request.closeRanges, request.namespaces, request.joins], [[{ from: 3, to: 4 }], ['uts'], []]);
  assert.is(request.descriptors.length, 3);
});

test('util.inspect shows the debug style', () => {
  const command = new Command('/bin/true').arg('x y');
  assert.is(inspect(command), `${command.display(Style.debug())}`);
});

test('display() shows the command as it was then', () => {
  const command = new Command('/bin/true').arg('x');
  const printer = command.display(Style.short());
  command.arg('later');
  assert.not.match(`${printer}`, 'later');
});

for (const signal of [null, {}, 'abort', { aborted: false, addEventListener() {} }]) {
  test(`signal ${inspect(signal)} is a TypeError that names the option`, async () => {
    const requests: SpawnRequest[] = [];
    const options = { helper: capturing(requests), signal: wrong(signal) };
    for (const method of ['spawn', 'status', 'output'] as const) {
      const error = await new Command('/bin/true')[method](options).catch((reason: Error) => reason);
      assert.ok(error instanceof TypeError && error.message.startsWith('options.signal'));
    }
    assert.is(requests.length, 0);
  });
}

test('a signal that is aborted already rejects with its reason, and nothing is asked for', async () => {
  const requests: SpawnRequest[] = [];
  const reason = new Error('enough');
  const signal = { aborted: true, reason, addEventListener() {}, removeEventListener() {} };
  for (const method of ['spawn', 'status', 'output'] as const) {
    const error = await new Command('/bin/true')
      [method]({ helper: capturing(requests), signal })
      .catch((rejected: unknown) => rejected);
    assert.is(error, reason);
  }
  assert.is(requests.length, 0);
});

test('an abort without a reason is an AbortError', async () => {
  const signal = { aborted: true, addEventListener() {}, removeEventListener() {} };
  const error = await new Command('/bin/true').spawn({ signal }).catch((reason: unknown) => reason);
  const { name, code } = error as NodeJS.ErrnoException;
  assert.equal([error instanceof Error, name, code], [true, 'AbortError', 'ABORT_ERR']);
});

test('a variable that is set again keeps its place', () => {
  const environment = new Environment();
  environment.clear();
  environment.set('A', '1');
  environment.set('B', '2');
  environment.set('A', '3');
  assert.equal(texts(environment), ['A=3', 'B=2']);
});

test('keys that are bytes and keys that are strings are the same keys', () => {
  const environment = new Environment();
  environment.clear();
  environment.set('é', '1');
  environment.remove(Buffer.from('é'));
  assert.equal(texts(environment), []);
});

test('keys that differ in bytes that are not UTF-8 are different keys', () => {
  const environment = new Environment();
  environment.clear();
  environment.set(Buffer.of(0xff), '1');
  environment.set(Buffer.of(0xfe), '2');
  assert.is(environment.entries().length, 2);
});

test('the variable with the pid has room for it and is told by its index', () => {
  const environment = emptyEnvironment();
  environment.set('A', '1');
  environment.setPid('PID');
  environment.set('B', '2');
  assert.equal([texts(environment), environment.pidIndexes()], [['A=1', 'PID=0000000000', 'B=2'], [1]]);
});

test('setting the variable with the pid cancels that', () => {
  const environment = emptyEnvironment();
  environment.setPid('PID');
  environment.set(Buffer.from('PID'), '1');
  assert.equal([texts(environment), environment.pidIndexes()], [['PID=1'], []]);
});

test('a variable that was set may be that with the pid later', () => {
  const environment = emptyEnvironment();
  environment.set('PID', '1');
  environment.setPid('PID');
  assert.equal([texts(environment), environment.pidIndexes()], [['PID=0000000000'], [0]]);
});

test('removing the variable with the pid cancels it, and a later one of that name is as any', () => {
  const environment = emptyEnvironment();
  environment.setPid('PID');
  environment.remove('PID');
  assert.equal([texts(environment), environment.pidIndexes()], [[], []]);
  environment.set('PID', '1');
  assert.equal(environment.pidIndexes(), []);
});

test('clearing the environment cancels the variable with the pid', () => {
  const environment = emptyEnvironment();
  environment.setPid('PID');
  environment.clear();
  assert.equal([texts(environment), environment.pidIndexes()], [[], []]);
});

test('the index follows the removal of other variables', () => {
  const environment = emptyEnvironment();
  environment.set('A', '1');
  environment.setPid('PID');
  environment.remove('A');
  assert.equal(environment.pidIndexes(), [0]);
});

test('several variables may have the pid', () => {
  const environment = emptyEnvironment();
  environment.setPid('ONE');
  environment.setPid('OTHER');
  assert.equal(
    [texts(environment), environment.pidIndexes()],
    [
      ['ONE=0000000000', 'OTHER=0000000000'],
      [0, 1],
    ],
  );
});

test('envVarWithPid takes a copy of process.env', () => {
  const environment = new Environment();
  environment.setPid('PID');
  assert.not(withVariable('1', () => texts(environment).includes(`${VARIABLE}=1`)));
});

test('an environment that was not changed follows process.env', () => {
  const environment = new Environment();
  withVariable('1', () => environment.entries());
  assert.ok(withVariable('2', () => texts(environment).includes(`${VARIABLE}=2`)));
});

test('an environment that was changed no longer follows process.env', () => {
  const environment = new Environment();
  environment.set('OTHER', 'x');
  assert.not(withVariable('1', () => texts(environment).includes(`${VARIABLE}=1`)));
});

test.run();

const VARIABLE = 'UNSHARE_COMMAND_TEST';

function withVariable<T>(value: string, body: () => T): T {
  process.env[VARIABLE] = value;
  try {
    return body();
  } finally {
    delete process.env[VARIABLE];
  }
}

function texts(environment: Environment): string[] {
  return environment.entries().map(entry => entry.toString());
}

function emptyEnvironment(): Environment {
  const environment = new Environment();
  environment.clear();
  return environment;
}

/** What a helper would be asked for. */
async function requestOf(command: Command): Promise<SpawnRequest> {
  const requests: SpawnRequest[] = [];
  await command.spawn({ helper: capturing(requests) }).catch(() => {});
  return requests[0]!;
}

/** A helper that starts nothing, and writes down what it is asked for. */
function capturing(requests: SpawnRequest[]): Helper {
  const helper = {
    async start(request: SpawnRequest): Promise<never> {
      requests.push(request);
      throw new Error('it starts nothing');
    },
  };
  return helper as unknown as Helper;
}

function gidRow(count: number) {
  return { insideGid: 0, outsideGid: 0, count };
}

/** A value of a type that the compiler would not let through. */
function wrong(value: unknown): never {
  return value as never;
}
