import { Step, type StepValue } from './step';

/** The steps with copies of what the caller's arrays hold now, one copy for each array. */
export function copySteps(steps: readonly Step[]): readonly Step[] {
  const copies = new Map<object, StepValue>();
  const copy = (value: StepValue): StepValue => {
    if (value.kind !== 'buffer') return value;
    let copied = copies.get(value.of);
    if (copied === undefined) {
      copied = { ...value, bytes: Buffer.from(value.bytes) };
      copies.set(value.of, copied);
    }
    return copied;
  };
  return steps.map(
    ({ name, arguments: values, allowFailure }) => new Step(name, values.map(copy), allowFailure),
  );
}
