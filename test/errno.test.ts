import { constants } from 'os';
import * as assert from 'uvu/assert';
import { describeErrno, errnoOf } from '../client/error/errno';
import { suite } from './harness';

const test = suite('errno');

/** Where two names have one number, ours is the one that the kernel's headers define first. */
const OTHER_NAMES = new Set(['EWOULDBLOCK', 'ENOTSUP', 'EDEADLOCK']);

test(
  'numbers have the names that Node knows for them',
  () => {
    for (const [code, errno] of Object.entries(constants.errno)) {
      if (!OTHER_NAMES.has(code)) assert.is(describeErrno(errno).code, code);
    }
  },
  { skip: process.platform !== 'linux' && 'the numbers are those of Linux' },
);

test('words are those of strerror', () => {
  assert.is(describeErrno(2).words, 'No such file or directory');
});

test('an unknown number is told as strerror does', () => {
  assert.equal(describeErrno(4000), { code: 'E4000', words: 'Unknown error 4000' });
});

test("the number of Node's errors is made positive", () => {
  assert.is(errnoOf(Object.assign(new Error('x'), { errno: -13 })), 13);
});

test('a number that an error has in its text, as on Deno', () => {
  assert.is(errnoOf(new Error('No space left on device (os error 28), open')), 28);
});

test('errors without a number have none', () => {
  for (const error of [new Error('x'), null, undefined, 'text']) assert.is(errnoOf(error), null);
});

test.run();
