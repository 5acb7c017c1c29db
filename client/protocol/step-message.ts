import type { Step, StepValue } from '../command/step';
import { unshare } from '../messages';
import { toLong } from './long';
import { syscallNumber } from './syscall-number';

import v1 = unshare.v1;

/**
 * The steps as the messages have them: an array that is used again is a reference to where it stood first. Throws at
 * the stage `PreExec` where there is no such system call.
 */
export function toSteps(steps: readonly Step[]): v1.Step.$Properties[] {
  const places = new Map<object, v1.BufferReference.$Properties>();
  return steps.map((step, stepIndex) => ({
    number: syscallNumber(step.name, stepIndex),
    arguments: step.arguments.map((value, argumentIndex) =>
      toArgument(value, { step: stepIndex, argument: argumentIndex }, places),
    ),
    allowFailure: step.allowFailure,
  }));
}

/** `place` is where the argument stands; the first one of each array is put into `places`. */
function toArgument(
  value: StepValue,
  place: v1.BufferReference.$Properties,
  places: Map<object, v1.BufferReference.$Properties>,
): v1.StepArgument.$Properties {
  switch (value.kind) {
    case 'number':
      return { number: toLong(value.value) };
    case 'result':
      return { result: value.index };
    case 'buffer': {
      const reference = places.get(value.of);
      if (reference !== undefined) return { reference };
      places.set(value.of, place);
      return { buffer: value.bytes };
    }
  }
}
