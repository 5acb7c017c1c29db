import { runtime } from '../runtime';

/** A descriptor of the client by its number, or the kind of a pipe that the runtime makes. */
interface Handed {
  readonly source: number | string;
}

/**
 * The order in which the client's descriptors are given to a helper, as far as the runtime cares.
 *
 * Deno puts one after the other into its place in the new process, and closes there what it was copied from. In ascending
 * order, and behind the pipes, each is copied before its number becomes the place of another one.
 */
export function inOrderOfHandover<T extends Handed>(carried: readonly T[]): T[] {
  if (runtime !== 'deno') return [...carried];
  const rank = ({ source }: T) => (typeof source === 'number' ? source : -1);
  return [...carried].sort((a, b) => rank(a) - rank(b));
}

/** Why the runtime cannot give the client's descriptor `source` to a process as `at`; null where it can. `others` are given before. */
export function whyNotHandedOver(source: number, at: number, others: readonly Handed[]): string | null {
  // It takes 0 for nothing, and leaves there what it has open itself.
  if (runtime === 'bun' && source === 0)
    return 'Bun hands over descriptor 0 of the client at its own number only';
  if (runtime !== 'deno') return null;
  if (source <= at) return `Deno would mix up descriptor ${source} of the client with another one`;
  if (others.some(other => other.source === source)) {
    return `Deno hands over descriptor ${source} of the client only once for each command`;
  }
  return null;
}
