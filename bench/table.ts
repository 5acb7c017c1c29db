import { type Comparison, library, medianOf, ratio } from './comparison';
import { isMissed, targetOf } from './targets';

/** A comparison as text: a line for each contender, the best known first. */
export function formatComparison(comparison: Comparison): string {
  const { title, effort } = comparison;
  const lines = contendersOf(comparison).map(name => {
    const value = formatValue(comparison, name);
    const verdict = name === library ? formatVerdict(comparison) : '';
    const multiple = formatRatio(ratio(comparison, name));
    return `  ${name.padEnd(20)}${value.padStart(20)}${multiple.padStart(10)}${verdict && `   ${verdict}`}`;
  });
  return [`${title} (${describeEffort(effort)})`, ...lines, ''].join('\n');
}

/** In the order in which they are shown: the baseline, this library, and the others. */
export function contendersOf({ baseline, medians }: Comparison): string[] {
  const others = Object.keys(medians).filter(name => name !== baseline && name !== library);
  return [baseline, library, ...others];
}

export function describeEffort({ rounds, inARow }: Comparison['effort']): string {
  return inARow === 1 ? `median of ${rounds}` : `median of ${rounds} rounds of ${inARow}`;
}

/** Empty for a comparison without a target. */
export function formatVerdict(comparison: Comparison): string {
  const target = targetOf(comparison);
  if (target === undefined) return '';
  const unit = target.of === 'value' ? ` ${comparison.unit}` : '';
  return `${target.kind} ${target.limit}${unit}: ${isMissed(comparison) ? 'MISSED' : 'met'}`;
}

export function formatValue(comparison: Comparison, contender: string): string {
  return `${formatNumber(medianOf(comparison, contender))} ${comparison.unit}`;
}

/** Three digits that count, and no fewer than there are before the point. */
export function formatNumber(value: number): string {
  return value < 100 ? value.toPrecision(3) : Math.round(value).toLocaleString('en');
}

export function formatRatio(value: number): string {
  return value < 0.01 ? value.toFixed(4) : value < 0.1 ? value.toFixed(3) : value.toFixed(2);
}
