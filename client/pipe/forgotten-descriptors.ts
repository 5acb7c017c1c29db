import { closeSync } from 'fs';
import { attempt } from '../attempt';

/** A descriptor in the hands of somebody who may forget it; null once it is closed or in other hands. */
export interface HeldDescriptor {
  number: number | null;
}

/** Node from 14.6 on. Elsewhere, what is forgotten stays open. */
const registry =
  typeof FinalizationRegistry === 'undefined'
    ? null
    : new FinalizationRegistry<HeldDescriptor>(held => {
        // Where the pipe cannot be closed, there is nobody to be told.
        attempt(() => {
          if (held.number !== null) closeSync(held.number);
        });
      });

/** Holds `descriptor` for `owner`, and closes it when nothing refers to that any more. */
export function holdDescriptor(owner: object, descriptor: number): HeldDescriptor {
  const held = { number: descriptor };
  registry?.register(owner, held);
  return held;
}
