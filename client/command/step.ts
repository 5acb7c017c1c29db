import { types } from 'util';
import { toBytes } from '../bytes';
import { checkCalls, type Signatures } from '../check/check-calls';
import { quote } from '../escape';
import { isKind, setKind } from '../kind';
import { checkInteger } from './ids';

/** How many steps a command can have; the helper's limit. */
const STEPS_MAX = 64;

/** How many arguments a system call can have. */
const ARGUMENTS_MAX = 6;

/** Its own check names the system call. */
const ARGUMENTS_UNCOUNTED = Number.POSITIVE_INFINITY;

/** Bits of a number that a system call is given. */
const NUMBER_BITS = 64;

/** What an earlier step returned: made by `step.result`. */
export class StepResult {
  /** Tells it apart from the other arguments of a step. */
  readonly kind = 'result';
  /** Index of that step. */
  readonly index: number;

  /** @internal */
  constructor(index: number) {
    this.index = index;
    Object.freeze(this);
  }
}

setKind(StepResult, 'StepResult');

/** An argument of a system call. */
export type StepValue =
  /** Two's complement: 0 to 2⁶⁴−1. */
  | { readonly kind: 'number'; readonly value: bigint }
  /** The address of a copy of `bytes`. There is one copy for each `of`, however often it is used. */
  | { readonly kind: 'buffer'; readonly bytes: Buffer; readonly of: object }
  /** What the step with this index returned. */
  | { readonly kind: 'result'; readonly index: number };

/** What `step.syscall` takes as an argument of the system call. */
export type StepArgument = number | bigint | string | Uint8Array | StepResult;

/** A system call that the child makes before `execve`: made by `step.syscall`. */
export class Step {
  /** Name of the system call. */
  readonly name: string;
  /** What the system call is given. */
  readonly arguments: readonly StepValue[];
  /** Whether the next step follows even where this one fails. */
  readonly allowFailure: boolean;

  /** @internal */
  constructor(name: string, values: readonly StepValue[], allowFailure: boolean) {
    this.name = name;
    this.arguments = values;
    this.allowFailure = allowFailure;
    Object.freeze(this);
  }
}

setKind(Step, 'Step');

/**
 * A system call. `name` is that of the kernel's table for the architecture of the runtime: `openat` is in all of
 * them, `open` is not.
 *
 * There are six arguments at most:
 *
 * - an integer, negative ones included, as a number that is safe or a bigint of 64 bits. Where registers
 *   have 32 bits, the lower ones are used.
 * - a string, for the address of a copy of its UTF-8 and a NUL.
 * - a Uint8Array, for the address of a copy that the kernel may write to. The same object used again, in
 *   this step or another one, is the same copy, so that one step can use what an earlier one wrote; another
 *   object on the same memory is not. Every spawn copies what the array holds at that moment, and nothing
 *   comes back into it. Where such a copy is, is not known before: a structure with a pointer inside needs
 *   memory at an address of one's own choice (MAP_FIXED_NOREPLACE in `man 2 mmap`).
 * - `step.result(i)`.
 *
 * Throws, naming the argument, a TypeError for other types, for a name that cannot be one and for a NUL in a
 * string, and a RangeError for other numbers and too many arguments. A name that the kernel's table does not
 * have is known at the spawn only: stage `PreExec`.
 */
function syscall(name: string, ...args: StepArgument[]): Step {
  if (typeof name !== 'string') throw new TypeError('name must be a string');
  if (!/^[a-z0-9_]+$/.test(name)) {
    throw new TypeError(`name must be that of a system call, not ${quote(name)}`);
  }
  if (args.length > ARGUMENTS_MAX) {
    throw new RangeError(`${name} must have at most ${ARGUMENTS_MAX} arguments, not ${args.length}`);
  }
  const values = args.map((arg, index) => toValue(arg, `argument ${index + 1} of ${name}`));
  return new Step(name, Object.freeze(values), false);
}

/**
 * What the step with this index, counted from 0, returned; an argument for later steps. Throws, naming
 * `index`, a TypeError or a RangeError for what is no index of a step.
 */
function result(index: number): StepResult {
  return new StepResult(checkInteger(index, 'index', 0, STEPS_MAX - 1));
}

/**
 * The same system call, after which the next step follows even where it fails. What it returned is then the
 * negative errno.
 */
function allowFailure(failing: Step): Step {
  if (!isKind(failing, 'Step')) throw new TypeError('step must be made by step.syscall');
  return new Step(failing.name, failing.arguments, true);
}

/** Makes the steps that `Command.preExec` takes. */
export const step = Object.freeze(checkedSteps());

function checkedSteps() {
  const steps = { syscall, result, allowFailure };
  const signatures: Signatures<typeof steps> = { syscall: ARGUMENTS_UNCOUNTED, result: 1, allowFailure: 1 };
  checkCalls(steps, 'step', signatures);
  return steps;
}

/**
 * The steps that `value`, the argument of `preExec`, lists.
 *
 * Throws a TypeError where it is no iterable of steps. Throws a RangeError for more than 64, and for one that
 * uses the result of a step that does not come before it.
 */
export function checkSteps(value: unknown): readonly Step[] {
  if (!isIterable(value)) throw new TypeError('preExec must be an iterable of steps');
  const steps: Step[] = [];
  for (const item of value) {
    if (!isStep(item)) throw new TypeError('preExec must have steps made by step.syscall only');
    if (steps.length === STEPS_MAX) throw new RangeError(`preExec must have at most ${STEPS_MAX} steps`);
    checkResults(item, steps.length);
    steps.push(item);
  }
  return Object.freeze(steps);
}

function isStep(value: unknown): value is Step {
  return isKind(value, 'Step');
}

function checkResults(item: Step, itemIndex: number): void {
  for (const value of item.arguments) {
    if (value.kind !== 'result' || value.index < itemIndex) continue;
    throw new RangeError(
      `step ${itemIndex} of preExec, ${item.name}, uses the result of step ${value.index}, which is no earlier one`,
    );
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof (value as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function';
}

function toValue(argument: unknown, name: string): StepValue {
  switch (typeof argument) {
    case 'number':
      if (Number.isSafeInteger(argument)) return toNumber(BigInt(argument));
      throw new RangeError(`${name} must be a safe integer, not ${argument}`);
    case 'bigint':
      if (isIn64Bits(argument)) return toNumber(argument);
      throw new RangeError(`${name} must be an integer of 64 bits, not ${argument}`);
    case 'string': {
      const bytes = toBytes(argument, name);
      return Object.freeze({ kind: 'buffer', bytes, of: Object.freeze({}) });
    }
  }
  if (isKind(argument, 'StepResult')) return argument as StepResult;
  if (types.isUint8Array(argument)) {
    const bytes = Buffer.from(argument.buffer, argument.byteOffset, argument.byteLength);
    return Object.freeze({ kind: 'buffer', bytes, of: argument });
  }
  throw new TypeError(`${name} must be a number, a bigint, a string, a Uint8Array or a step.result`);
}

/** Whether `value` has 64 bits, as a signed or as an unsigned integer. */
function isIn64Bits(value: bigint): boolean {
  return BigInt.asIntN(NUMBER_BITS, value) === value || BigInt.asUintN(NUMBER_BITS, value) === value;
}

function toNumber(value: bigint): StepValue {
  return Object.freeze({ kind: 'number', value: BigInt.asUintN(NUMBER_BITS, value) });
}
