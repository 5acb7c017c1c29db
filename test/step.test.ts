import * as assert from 'uvu/assert';
import * as vm from 'vm';
import { checkSteps, Step, type StepValue, step } from '../client/command/step';
import { suite } from './harness';

const test = suite('step');

test('a step has its name and allows no failure', () => {
  const made = step.syscall('getpid');
  assert.instance(made, Step);
  assert.is(made.name, 'getpid');
  assert.equal(made.arguments, []);
  assert.is(made.allowFailure, false);
});

test('a step can have the names that the kernel gives', () => {
  for (const name of ['prctl', '_llseek', 'mmap2', 'clone3', 'process_vm_readv']) {
    assert.is(step.syscall(name).name, name);
  }
});

test('a name that is no string is a TypeError that names the argument', () => {
  for (const name of [1, null, undefined, {}, ['getpid']]) {
    assert.throws(() => step.syscall(wrong(name)), isTypeError(/^name must be a string$/));
  }
});

test('a name that no system call can have is a TypeError that shows it', () => {
  for (const name of ['', ' ', 'getPid', 'get-pid', 'getpid ', 'getpid\n', 'getpid\0', 'é']) {
    assert.throws(
      () => step.syscall(name),
      (error: Error) => error instanceof TypeError && error.message.endsWith(`not ${JSON.stringify(name)}`),
    );
  }
});

const NUMBERS: [given: number | bigint, value: bigint][] = [
  [0, BigInt(0)],
  [-0, BigInt(0)],
  [38, BigInt(38)],
  [-1, BigInt('0xffffffffffffffff')],
  [-100, BigInt('0xffffffffffffff9c')],
  [Number.MAX_SAFE_INTEGER, BigInt('9007199254740991')],
  [Number.MIN_SAFE_INTEGER, BigInt('0xffe0000000000001')],
  [BigInt(7), BigInt(7)],
  [BigInt(-7), BigInt('0xfffffffffffffff9')],
  [BigInt('0x7fffffffffffffff'), BigInt('0x7fffffffffffffff')],
  [BigInt('0xffffffffffffffff'), BigInt('0xffffffffffffffff')],
  [BigInt('-9223372036854775808'), BigInt('0x8000000000000000')],
];

for (const [given, value] of NUMBERS) {
  const shown = Object.is(given, -0) ? '-0' : `${typeof given} ${given}`;
  test(`${shown} is the two's complement of 64 bits`, () => {
    assert.equal(step.syscall('close', given).arguments, [{ kind: 'number', value }]);
  });
}

test('a number that is no safe integer is a RangeError that names the argument', () => {
  for (const number of [0.5, -1.5, Number.NaN, Infinity, -Infinity, 2 ** 53, -(2 ** 53), 2 ** 64]) {
    assert.throws(() => step.syscall('dup2', 1, number), isRangeError(/^argument 2 of dup2 must be a safe/));
  }
});

test('a bigint of more than 64 bits is a RangeError that names the argument', () => {
  for (const text of ['18446744073709551616', '-9223372036854775809']) {
    assert.throws(
      () => step.syscall('close', BigInt(text)),
      isRangeError(new RegExp(`^argument 1 of close must be an integer of 64 bits, not ${text}$`)),
    );
  }
});

test('a string is its UTF-8', () => {
  assert.equal(bufferOf(step.syscall('chdir', '/é').arguments[0]).bytes, Buffer.from([0x2f, 0xc3, 0xa9]));
});

test('an empty string is no bytes', () => {
  assert.is(bufferOf(step.syscall('chdir', '').arguments[0]).bytes.length, 0);
});

test('a NUL in a string is a TypeError that names the argument', () => {
  assert.throws(
    () => step.syscall('mount', 'a', 'b\0'),
    isTypeError(/^argument 2 of mount must not contain a NUL$/),
  );
});

test('equal strings are copies of their own', () => {
  const [first, second] = step.syscall('link', '/a', '/a').arguments;
  assert.is.not(bufferOf(first).of, bufferOf(second).of);
});

test('a Uint8Array is its bytes, NULs included', () => {
  const bytes = Uint8Array.of(0, 1, 0xff);
  assert.equal(bufferOf(step.syscall('ioctl', bytes).arguments[0]).bytes, Buffer.from([0, 1, 0xff]));
});

test('a Uint8Array on a part of its memory is that part', () => {
  const part = Uint8Array.of(1, 2, 3, 4).subarray(1, 3);
  assert.equal(bufferOf(step.syscall('ioctl', part).arguments[0]).bytes, Buffer.from([2, 3]));
});

test('what is written to a Uint8Array after the step was made is in the step', () => {
  const bytes = new Uint8Array(2);
  const [value] = step.syscall('ioctl', bytes).arguments;
  bytes[1] = 7;
  assert.equal(bufferOf(value).bytes, Buffer.from([0, 7]));
});

test('the same Uint8Array in two steps is the same copy', () => {
  const bytes = new Uint8Array(2);
  const [first] = step.syscall('read', 0, bytes).arguments.slice(1);
  const [second] = step.syscall('write', 1, bytes).arguments.slice(1);
  assert.is(bufferOf(first).of, bytes);
  assert.is(bufferOf(second).of, bytes);
});

test('another Uint8Array on the same memory is another copy', () => {
  const bytes = new Uint8Array(2);
  const [first, second] = step.syscall('read', bytes, bytes.subarray()).arguments;
  assert.is.not(bufferOf(first).of, bufferOf(second).of);
});

test('a Buffer and a Uint8Array of another realm are taken', () => {
  const foreign = vm.runInNewContext('Uint8Array.of(1, 2)');
  const [first, second] = step.syscall('read', Buffer.from('ab'), foreign).arguments;
  assert.equal(bufferOf(first).bytes, Buffer.from('ab'));
  assert.equal(bufferOf(second).bytes, Buffer.from([1, 2]));
});

test('a result is the index of its step', () => {
  const [value] = step.syscall('close', step.result(3)).arguments;
  assert.is(value!.kind, 'result');
  assert.is((value as { index: number }).index, 3);
});

test('a result of what is no index is an error that names the argument', () => {
  for (const index of [-1, 0.5, Number.NaN, Infinity, 64]) {
    assert.throws(() => step.result(index), isRangeError(/^index must be an integer/));
  }
  for (const index of ['0', BigInt(0), null, undefined, step.syscall('getpid')]) {
    assert.throws(() => step.result(wrong(index)), isTypeError(/^index must be a number$/));
  }
});

test('an argument of another type is a TypeError that names it', () => {
  const look = { kind: 'result', index: 0 };
  const values = [true, null, undefined, {}, [], look, () => 1, Symbol('x'), new Date(), new ArrayBuffer(1)];
  for (const value of [...values, new Uint16Array(1), new DataView(new ArrayBuffer(1)), step]) {
    assert.throws(
      () => step.syscall('prctl', 1, 2, wrong(value)),
      isTypeError(
        /^argument 3 of prctl must be a number, a bigint, a string, a Uint8Array or a step\.result$/,
      ),
    );
  }
});

test('a system call can have six arguments', () => {
  assert.is(step.syscall('mmap', 0, 1, 2, 3, 4, 5).arguments.length, 6);
});

test('a seventh argument is a RangeError', () => {
  assert.throws(
    () => step.syscall('mmap', 0, 1, 2, 3, 4, 5, 6),
    isRangeError(/^mmap must have at most 6 arguments, not 7$/),
  );
});

test('allowFailure returns another step, for the same call', () => {
  const failing = step.syscall('chdir', '/x');
  const allowed = step.allowFailure(failing);
  assert.is(failing.allowFailure, false);
  assert.is(allowed.allowFailure, true);
  assert.is(allowed.name, 'chdir');
  assert.is(allowed.arguments, failing.arguments);
});

test('allowFailure of what is no step is a TypeError that names the argument', () => {
  for (const value of [null, undefined, 'getpid', step.result(0), { ...step.syscall('getpid') }]) {
    assert.throws(() => step.allowFailure(wrong(value)), isTypeError(/^step must be made by step\.syscall$/));
  }
});

test('a step cannot be changed', () => {
  const made = step.syscall('dup2', 1, 'a', step.result(0));
  assert.ok(Object.isFrozen(made));
  assert.ok(Object.isFrozen(made.arguments));
  for (const value of made.arguments) assert.ok(Object.isFrozen(value));
  assert.ok(Object.isFrozen(step));
});

test('preExec takes any iterable of steps, in order', () => {
  const first = step.syscall('getpid');
  const second = step.allowFailure(step.syscall('close', step.result(0)));
  function* generate() {
    yield first;
    yield second;
  }
  for (const list of [[first, second], new Set([first, second]), generate()]) {
    const checked = checkSteps(list);
    assert.is(checked.length, 2);
    assert.is(checked[0], first);
    assert.is(checked[1], second);
  }
});

test('the steps are a list that cannot be changed, and not the one that was given', () => {
  const list = [step.syscall('getpid')];
  const checked = checkSteps(list);
  list.length = 0;
  assert.is(checked.length, 1);
  assert.ok(Object.isFrozen(checked));
});

test('the same step can be there twice', () => {
  const made = step.syscall('getpid');
  assert.is(checkSteps([made, made]).length, 2);
});

test('no steps are a list of steps', () => {
  assert.equal(checkSteps([]), []);
});

test('what is no iterable of steps is a TypeError that names preExec', () => {
  const values = [
    null,
    undefined,
    1,
    {},
    'getpid',
    () => {},
    step.syscall('getpid'),
    [null],
    [step.result(0)],
  ];
  for (const value of [
    ...values,
    [step.syscall('getpid'), { name: 'x', arguments: [], allowFailure: true }],
  ]) {
    assert.throws(() => checkSteps(value), isTypeError(/^preExec must /));
  }
});

test('the result of an earlier step can be used, that of the first and of the last', () => {
  const pid = step.syscall('getpid');
  const use = step.syscall('kill', step.result(0), step.result(1));
  assert.is(checkSteps([pid, pid, use]).length, 3);
});

test('the result of the step itself or of a later one is a RangeError that names the step', () => {
  const pid = step.syscall('getpid');
  for (const index of [1, 2, 63]) {
    assert.throws(
      () => checkSteps([pid, step.allowFailure(step.syscall('kill', 0, step.result(index))), pid]),
      isRangeError(
        new RegExp(`^step 1 of preExec, kill, uses the result of step ${index}, which is no earlier one$`),
      ),
    );
  }
});

test('there can be 64 steps', () => {
  assert.is(checkSteps(new Array(64).fill(step.syscall('getpid'))).length, 64);
});

test('a 65th step is a RangeError, also where the steps have no end', () => {
  let isClosed = false;
  function* endless() {
    try {
      for (;;) yield step.syscall('getpid');
    } finally {
      isClosed = true;
    }
  }
  assert.throws(() => checkSteps(endless()), isRangeError(/^preExec must have at most 64 steps$/));
  assert.ok(isClosed);
});

test.run();

function bufferOf(value: StepValue | undefined) {
  if (value?.kind !== 'buffer') throw new Error('it is no buffer');
  return value;
}

function wrong(value: unknown): never {
  return value as never;
}

function isTypeError(message: RegExp) {
  return (error: Error) => error instanceof TypeError && message.test(error.message);
}

function isRangeError(message: RegExp) {
  return (error: Error) => error instanceof RangeError && message.test(error.message);
}
