import { baseline, library } from './comparison';
import { type GrowthResult, pointOf } from './growth';
import { formatNumber, formatRatio } from './table';

/** What is measured of a start, in the order in which it is shown. */
export const measures = [
  { key: 'exitUs', name: 'spawn to exit' },
  { key: 'callUs', name: 'event loop blocked by the call' },
] as const;

/** For each count and measure: the baseline's, this library's, and their ratio. */
export function growthRows(result: GrowthResult): { count: number; cells: string[] }[] {
  return result.counts.map(count => {
    const [theirs, ours] = [pointOf(result, count, baseline), pointOf(result, count, library)];
    const cells = measures.flatMap(({ key }) => [
      `${formatNumber(theirs[key])} µs`,
      `${formatNumber(ours[key])} µs`,
      formatRatio(ours[key] / theirs[key]),
    ]);
    return { count, cells };
  });
}

/** The growth with one factor as text. */
export function formatGrowth(result: GrowthResult): string {
  const heads = measures.map(({ name }) => name.padStart(44)).join('');
  const columns = measures
    .map(() => [baseline.padStart(20), library.padStart(15), ''.padStart(9)].join(''))
    .join('');
  const lines = growthRows(result).map(({ count, cells }) => {
    const shown = cells.map((cell, i) => cell.padStart([20, 15, 9][i % 3]!));
    return `  ${`${count}`.padEnd(8)}${shown.join('')}`;
  });
  return [
    `Growth with ${result.counted}`,
    `  ${''.padEnd(8)}${heads}`,
    `  ${''.padEnd(8)}${columns}`,
    ...lines,
    '',
  ].join('\n');
}
