import * as assert from 'uvu/assert';
import { Command, GidMap, Namespace, Stdio, UidMap } from '../client';
import { Environment } from '../client/environment';
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
  ['stdin with another word', 'stdin', command => command.stdin(wrong('pipe'))],
  ['stdout with a number', 'stdout', command => command.stdout(wrong(1))],
  ['stderr(null)', 'stderr', command => command.stderr(wrong(null))],
  ['unshare with another word', 'a namespace', command => command.unshare(wrong('time machine'))],
  ['unshare with a number', 'a namespace', command => command.unshare(wrong(1))],
  ['setIdMaps without gid maps', 'gidMaps', command => command.setIdMaps([], wrong(undefined))],
  ['setIdMaps with a number as row', 'a row of uidMaps', command => command.setIdMaps(wrong([1]), [])],
  ['setIdMaps with gid rows as uid rows', 'insideUid', command => command.setIdMaps(wrong([gidRow(1)]), [])],
  ['uid("0")', 'uid', command => command.uid(wrong('0'))],
  ['gid(null)', 'gid', command => command.gid(wrong(null))],
  ['makeGroupLeader(1)', 'makeGroupLeader', command => command.makeGroupLeader(wrong(1))],
  [
    'setParentDeathSignal of no signal',
    'there is no signal',
    command => command.setParentDeathSignal(wrong('KILL')),
  ],
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
    command.allowDaemonize(),
    command.setParentDeathSignal('SIGRTMIN+1'),
    command.setParentDeathSignal(64),
  ];
  assert.ok(returned.every(value => value === command));
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

function gidRow(count: number) {
  return { insideGid: 0, outsideGid: 0, count };
}

/** A value of a type that the compiler would not let through. */
function wrong(value: unknown): never {
  return value as never;
}
