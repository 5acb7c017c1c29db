import { quoteBytes } from '../bytes';
import { isPointer } from './pointer-arguments';
import type { Step, StepValue } from './step';

/** How many bytes of a structure are shown. */
const STRUCTURE_BYTES_MAX = 32;

/** A step with its arguments, as in C: `mount("tmpfs", "/mnt", "tmpfs", 0, NULL)`. Longer strings than `stringMax` bytes are cut. */
export function showCall({ name, arguments: values }: Step, stringMax = Number.POSITIVE_INFINITY): string {
  const shown = values.map((value, index) => {
    const isNull = value.kind === 'number' && Number(value.value) === 0 && isPointer(name, index);
    return isNull ? 'NULL' : showValue(value, stringMax);
  });
  return `${name}(${shown.join(', ')})`;
}

function showValue(value: StepValue, stringMax: number): string {
  switch (value.kind) {
    case 'number':
      // More of the numbers in use are negative than are above 2⁶³.
      return `${BigInt.asIntN(64, value.value)}`;
    case 'buffer':
      return value.bytes.includes(0) ? showStructure(value.bytes) : showString(value.bytes, stringMax);
    case 'result':
      return `result(${value.index})`;
  }
}

function showString(bytes: Buffer, max: number): string {
  if (bytes.length <= max) return quoteBytes(bytes);
  let end = max;
  // Not within a character of UTF-8, whose bytes but the first are 10xxxxxx.
  while (end > max - 4 && (bytes[end]! & 0xc0) === 0x80) end -= 1;
  return `${quoteBytes(bytes.subarray(0, end))}...`;
}

/** Bytes with a NUL, which are no string, in the form that Node gives them. */
function showStructure(bytes: Buffer): string {
  const shown = bytes.toString('hex', 0, STRUCTURE_BYTES_MAX).replace(/..(?=.)/g, '$& ');
  const rest = bytes.length - STRUCTURE_BYTES_MAX;
  return rest > 0 ? `<Buffer ${shown} ... ${rest} more>` : `<Buffer ${shown}>`;
}
