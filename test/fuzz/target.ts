import { Dice } from './dice';

/** Something that is fuzzed. */
export interface Target {
  name: string;
  /** Why it cannot be fuzzed here, or null. */
  unable?: string | null;
  /** Executions that belong together: none is looked at before all were made. */
  batch: number;
  /** One execution for each of `dices`. A rejection is a finding. */
  execute(dices: readonly Dice[]): Promise<void>;
  end?(): Promise<void>;
}

/** A finding, and the number from which on a batch makes it again. */
export class Finding extends Error {
  constructor(target: Target, first: number, reason: unknown) {
    super(`${target.name}, from ${first} on: ${reason instanceof Error ? reason.stack : reason}`);
  }
}

/** A batch takes a second or so, also on a busy machine: what takes this long never ends. */
const BATCH_MS = 60_000;

async function inTime(batch: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not within ${BATCH_MS} ms`)), BATCH_MS);
  });
  try {
    await Promise.race([batch, late]);
  } finally {
    clearTimeout(timer!);
  }
}

/** Makes executions, numbered from `first` on, up to a number or until a time. Returns how many. */
export async function fuzz(
  target: Target,
  first: number,
  until: { count?: number; time?: number },
): Promise<number> {
  let made = 0;
  while (made < (until.count ?? Infinity) && Date.now() < (until.time ?? Infinity)) {
    const number = (first + made) >>> 0;
    const size = Math.min(target.batch, (until.count ?? Infinity) - made);
    try {
      await inTime(target.execute(Array.from({ length: size }, (_, index) => new Dice(number + index))));
    } catch (error) {
      throw new Finding(target, number, error);
    }
    made += size;
    // Others want the event loop as well: what has ended is told there.
    await new Promise(setImmediate);
  }
  return made;
}
