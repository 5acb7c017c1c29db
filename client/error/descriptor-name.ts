const STANDARD_NAMES = ['stdin', 'stdout', 'stderr'];

/** What an error has as the descriptor with this number in the program. */
export function descriptorName(number: number): string {
  return STANDARD_NAMES[number] ?? `${number}`;
}

/** What messages call that descriptor. */
export function shownDescriptor(number: number): string {
  return STANDARD_NAMES[number] ?? `descriptor ${number}`;
}
