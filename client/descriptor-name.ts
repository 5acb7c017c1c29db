const STANDARD_NAMES = ['stdin', 'stdout', 'stderr'];

/** What messages call the descriptor that has this number in the program. */
export function descriptorName(number: number): string {
  return STANDARD_NAMES[number] ?? `${number}`;
}
