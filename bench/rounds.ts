export interface Effort {
  rounds: number;
  /** Samples that a contender gives in a round. */
  inARow: number;
}

const WARM_UP_SAMPLES = 500;

/**
 * Takes samples of every contender in each round, so that whatever else the machine does meets all of them.
 * Each round begins with another contender. The first rounds are warm-up and not among the samples; they are enough
 * for what runs in milliseconds to be compiled by then, as it is in a program that has started a few hundred others.
 *
 * What starts fast is measured several times in a row: a fork leaves the pages of the process shared, and the
 * next contender would pay for getting them back.
 */
export async function alternate<Contender, Sample>(
  contenders: Contender[],
  { rounds, inARow }: Effort,
  take: (contender: Contender) => Promise<Sample>,
): Promise<Map<Contender, Sample[]>> {
  const samples = new Map<Contender, Sample[]>(contenders.map(contender => [contender, []]));
  const warmUp = Math.ceil(inARow === 1 ? rounds / 10 : WARM_UP_SAMPLES / inARow);
  for (let round = -warmUp; round < rounds; round++) {
    const first = (round + warmUp) % contenders.length;
    for (const contender of [...contenders.slice(first), ...contenders.slice(0, first)]) {
      for (let i = 0; i < inARow; i++) {
        const sample = await take(contender);
        if (round >= 0) samples.get(contender)!.push(sample);
      }
    }
  }
  return samples;
}

export function median(values: number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}
