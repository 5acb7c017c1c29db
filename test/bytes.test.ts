import * as assert from 'uvu/assert';
import { displayBytes, quoteBytes, toBytes } from '../client/bytes';
import { suite } from './harness';

const test = suite('bytes');

test('a string is its UTF-8', () => {
  assert.equal(toBytes('é', 'x'), Buffer.from([0xc3, 0xa9]));
});

test('a lone surrogate is U+FFFD, as everywhere in Node', () => {
  assert.equal(toBytes('\ud800', 'x'), Buffer.from('\ufffd'));
});

test('bytes are copied', () => {
  const given = Uint8Array.of(1, 2);
  const taken = toBytes(given, 'x');
  given[0] = 9;
  assert.equal(taken, Buffer.from([1, 2]));
});

test('a NUL in a string is a TypeError that names the argument', () => {
  assert.throws(() => toBytes('a\0b', 'program'), isTypeError('program must not contain a NUL'));
});

test('a NUL in bytes is a TypeError that names the argument', () => {
  assert.throws(() => toBytes(Uint8Array.of(1, 0), 'program'), isTypeError('program must not contain a NUL'));
});

test('what is neither string nor Uint8Array is a TypeError that names the argument', () => {
  for (const value of [1, null, undefined, {}, ['a'], new Uint16Array(1)]) {
    assert.throws(() => toBytes(value, 'arg0'), isTypeError('arg0 must be a string or a Uint8Array'));
  }
});

test('UTF-8 is shown as text', () => {
  assert.is(displayBytes(Buffer.from('é\n')), 'é\n');
});

test('what is not UTF-8 is shown with every byte beyond ASCII escaped', () => {
  assert.is(displayBytes(Buffer.from([0x61, 0xff, 0xc3, 0xa9])), 'a\\xff\\xc3\\xa9');
});

test('quoted text is escaped as by JSON.stringify', () => {
  assert.is(quoteBytes(Buffer.from('a "b"\n')), '"a \\"b\\"\\n"');
});

test('quoted bytes that are not UTF-8 are escaped once', () => {
  assert.is(quoteBytes(Buffer.from([0x22, 0xff])), '"\\"\\xff"');
});

test.run();

function isTypeError(message: string) {
  return (error: Error) => error instanceof TypeError && error.message === message;
}
