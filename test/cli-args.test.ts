import * as assert from 'uvu/assert';
import { parseArguments, type RunArguments, UsageError } from '../client/cli/cli-args';
import { suite } from './harness';

const test = suite('cli-args');

test('without options there is a program only', () => {
  assert.equal(run('true'), {
    namespaces: [],
    mapRoot: false,
    uid: null,
    gid: null,
    directory: null,
    clearEnvironment: false,
    environment: [],
    program: 'true',
    programArguments: [],
  });
});

test('options are taken with their values as the next word', () => {
  const { uid, gid, directory } = run('--uid', '1', '--gid', '2', '--chdir', '/x', 'true');
  assert.equal([uid, gid, directory], [1, 2, '/x']);
});

test('options are taken with their values after an equals sign', () => {
  const { uid, gid, directory } = run('--uid=1', '--gid=2', '--chdir=/x=y', 'true');
  assert.equal([uid, gid, directory], [1, 2, '/x=y']);
});

test('flags are taken', () => {
  const { mapRoot, clearEnvironment } = run('--map-root', '--clear-env', 'true');
  assert.equal([mapRoot, clearEnvironment], [true, true]);
});

test('namespaces are separated by commas, and add up', () => {
  assert.equal(run('--unshare', 'user,pid', '--unshare=net', 'true').namespaces, ['user', 'pid', 'net']);
});

test('variables are split at their first equals sign', () => {
  assert.equal(run('--env', 'A=b=c', '--env=D=', 'true').environment, [
    ['A', 'b=c'],
    ['D', ''],
  ]);
});

test('the arguments of the program are not looked at', () => {
  const words = ['--uid', '1', '--help', '--', '-x=y', ''];
  assert.equal(run('true', ...words).programArguments, words);
});

test('what follows -- is the program, also where it looks like an option', () => {
  const { program, programArguments } = run('--', '--uid', '--');
  assert.equal([program, programArguments], ['--uid', ['--']]);
});

test('the largest id is taken', () => {
  assert.is(run('--uid', '4294967294', 'true').uid, 4294967294);
});

test('--help and --version are understood before and after run', () => {
  const words = [['--help'], ['run', '--help'], ['--version'], ['run', '--version']];
  assert.equal(
    words.map(list => parseArguments(list).action),
    ['help', 'help', 'version', 'version'],
  );
});

test('doctor, as text or as JSON', () => {
  assert.equal(parseArguments(['doctor']), { action: 'doctor', json: false });
  assert.equal(parseArguments(['doctor', '--json']), { action: 'doctor', json: true });
  assert.equal(parseArguments(['doctor', '--help']), { action: 'help' });
  assert.equal(parseArguments(['doctor', '--version']), { action: 'version' });
});

const MISTAKES: { [name: string]: string[] } = {
  'no words': [],
  'an unknown action': ['walk'],
  'an unknown option of doctor': ['doctor', '--nope'],
  'a word after doctor': ['doctor', 'true'],
  'no program': ['run'],
  'no program after --': ['run', '--'],
  'an empty program': ['run', ''],
  'an unknown option': ['run', '--nope', 'true'],
  'an option with the name of a property of all objects': ['run', '--toString', 'true'],
  'an option without its value': ['run', '--uid'],
  'a flag with a value': ['run', '--map-root=1', 'true'],
  'an unknown namespace': ['run', '--unshare', 'user,nope', 'true'],
  'an empty namespace': ['run', '--unshare=', 'true'],
  'an id that is negative': ['run', '--uid=-1', 'true'],
  'an id that is too large': ['run', '--uid', '4294967295', 'true'],
  'an id that is a fraction': ['run', '--gid', '1.5', 'true'],
  'an id in hexadecimal': ['run', '--gid', '0x10', 'true'],
  'an empty id': ['run', '--gid=', 'true'],
  'a variable without an equals sign': ['run', '--env', 'A', 'true'],
  'a variable without a name': ['run', '--env', '=b', 'true'],
};

for (const [name, words] of Object.entries(MISTAKES)) {
  test(`${name} is a UsageError`, () => {
    assert.throws(
      () => parseArguments(words),
      (error: Error) => error instanceof UsageError,
    );
  });
}

test.run();

function run(...words: string[]): RunArguments {
  const invocation = parseArguments(['run', ...words]);
  if (invocation.action !== 'run') throw new Error(`understood as ${invocation.action}`);
  return invocation.run;
}
