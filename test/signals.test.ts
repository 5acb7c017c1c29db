import { constants } from 'os';
import * as assert from 'uvu/assert';
import { Signal, signalName, signalNumber } from '../client/signals';
import { suite } from './harness';

const test = suite('signals');

/** An old name for SIGSYS, which only older versions of Node have. */
const UNUSED = 'SIGUNUSED';

test(
  "names have the system's numbers",
  () => {
    for (const [name, number] of Object.entries(constants.signals)) {
      if (name !== UNUSED) assert.is(signalNumber(name as Signal), number, name);
    }
  },
  { skip: process.platform !== 'linux' && 'the numbers are those of Linux' },
);

test('numbers 1 to 64 are taken as they are', () => {
  for (let number = 1; number <= 64; number += 1) assert.is(signalNumber(number), number);
});

test('other numbers are RangeErrors', () => {
  for (const number of [0, -1, 65, 1.5, Number.NaN]) {
    assert.throws(
      () => signalNumber(number),
      (error: Error) => error instanceof RangeError,
    );
  }
});

test('what is no name of a signal is a TypeError', () => {
  const values = ['', 'KILL', 'sigkill', 'SIGRT_33', 'SIGRTMIN+31', 'SIGRT_', 'toString', null, {}];
  for (const value of values) {
    assert.throws(
      () => signalNumber(value as Signal),
      (error: Error) => error instanceof TypeError,
    );
  }
});

test('SIGRT_n counts from 32, as the kernel does', () => {
  assert.equal([signalNumber('SIGRT_0'), signalNumber('SIGRT_32')], [32, 64]);
});

test('SIGRTMIN+n counts from 34, as libc does', () => {
  assert.equal(
    [signalNumber('SIGRTMIN'), signalNumber('SIGRTMIN+0'), signalNumber('SIGRTMIN+30')],
    [34, 34, 64],
  );
});

test('aliases are taken', () => {
  assert.equal(
    ['SIGIOT', 'SIGPOLL', 'SIGCLD'].map(name => signalNumber(name as Signal)),
    [6, 29, 17],
  );
});

test('the name of every number leads back to it', () => {
  for (let number = 1; number <= 64; number += 1) assert.is(signalNumber(signalName(number)), number);
});

test('Signal has the names as values', () => {
  assert.is(Signal.SIGTERM, 'SIGTERM');
});

test.run();
