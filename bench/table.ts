import { baseline, type Comparison, library, ratio } from './comparison';
import { isMissed, targetOf } from './targets';

/** A comparison as text: a line for each contender, the best known first. */
export function formatComparison(comparison: Comparison): string {
  const { title, unit, effort, medians } = comparison;
  const others = Object.keys(medians).filter(name => name !== baseline && name !== library);
  const lines = [baseline, library, ...others].map(name => {
    const value = `${formatNumber(medians[name]!)} ${unit}`;
    const verdict = name === library ? formatVerdict(comparison) : '';
    const multiple = formatRatio(ratio(comparison, name));
    return `  ${name.padEnd(20)}${value.padStart(20)}${multiple.padStart(10)}${verdict}`;
  });
  return [`${title} (median of ${effort.rounds} rounds of ${effort.inARow})`, ...lines, ''].join('\n');
}

function formatVerdict(comparison: Comparison): string {
  const target = targetOf(comparison);
  return target ? `   ${target.kind} ${target.ratio}: ${isMissed(comparison) ? 'MISSED' : 'met'}` : '';
}

function formatNumber(value: number): string {
  return value < 100 ? value.toPrecision(3) : Math.round(value).toString();
}

function formatRatio(value: number): string {
  return value < 0.01 ? value.toFixed(4) : value.toFixed(2);
}
