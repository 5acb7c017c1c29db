import { execFileSync } from 'child_process';
import { readFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import { baseline, type Comparison, ratio } from './comparison';
import type { GrowthResult } from './growth';
import { growthRows } from './growth-table';
import { contendersOf, formatRatio, formatValue, formatVerdict } from './table';

/** All that one run has found. */
export interface Figures {
  /** What it ran on. */
  machine: string;
  isQuick: boolean;
  comparisons: Comparison[];
  growth: GrowthResult[];
}

const root = path.join(__dirname, '../..');
const page = path.join(root, 'docs/performance.md');
const readme = path.join(root, 'README.md');

/** What the README shows. */
const shownFirst = [
  'small.exit',
  'small.call',
  'heap.exit',
  'heap.call',
  'sandbox.exit',
  'throughput.8',
  'first',
  'pipe.4',
  'pipe.256',
];

/** Puts the figures between their markers in docs/performance.md and in the README, and the plot beside the former. */
export async function writeDocs({ machine, isQuick, comparisons, growth }: Figures): Promise<void> {
  const of = (wanted: (id: string) => boolean, first = nameOf(baseline)) =>
    comparisonTable(
      comparisons.filter(({ id }) => wanted(id)),
      first,
    );
  edit(readme, { figures: of(id => shownFirst.includes(id)) });
  edit(page, {
    comparisons: [`One run${isQuick ? ' with `--quick`' : ''}, ${machine}:`, '', ...of(id => !isOnOther(id))],
    runtimes: of(isOnOther, 'its own'),
    growth: growth.flatMap(growthTable).slice(0, -1),
  });
  const { plotGrowth } = await import('./plot.mjs');
  writeFileSync(path.join(root, 'docs/growth.svg'), plotGrowth(growth));
}

/** Replaces what is between the markers of these names. */
function edit(file: string, parts: { [name: string]: string[] }): void {
  let text = readFileSync(file, 'utf8');
  for (const [name, lines] of Object.entries(parts)) text = replace(text, name, lines);
  writeFileSync(file, text);
  const biome = path.join(root, 'node_modules/.bin/biome');
  execFileSync(biome, ['format', '--write', file], { stdio: ['ignore', 'ignore', 'pipe'] });
}

/** What is between `<!-- NAME -->` and `<!-- end of NAME -->` in `text` becomes these lines. */
function replace(text: string, name: string, lines: string[]): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`There is no place for the ${name}`);
  return `${text.slice(0, from + begin.length)}\n${lines.join('\n')}\n\n${text.slice(to)}`;
}

/** Whether the comparison was made by another runtime than Node. */
function isOnOther(id: string): boolean {
  return /^(bun|deno)\./.test(id);
}

/** Besides the baseline and this package, each contender has a row of its own. */
function comparisonTable(comparisons: Comparison[], first: string): string[] {
  const rows = comparisons.flatMap(comparison => {
    const [theirs, ours, ...others] = contendersOf(comparison);
    const against = comparison.baseline === baseline ? '' : `, against ${nameOf(comparison.baseline)}`;
    const value = (name: string) => formatValue(comparison, name);
    const multiple = (name: string) => formatRatio(ratio(comparison, name));
    const verdict = formatVerdict(comparison).replace('MISSED', '**missed**');
    return [
      [`${comparison.title}${against}`, value(theirs!), value(ours!), multiple(ours!), verdict],
      ...others.map(name => [`the same, ${nameOf(name)}`, value(name), '', multiple(name), '']),
    ];
  });
  return table(['', first, 'this package', 'ratio', 'target'], rows);
}

/** Names of programs and functions are code. */
function nameOf(contender: string): string {
  return contender.includes(' ') ? contender : `\`${contender}\``;
}

function growthTable(result: GrowthResult): string[] {
  const heads = [
    '`child_process`',
    'this package',
    'ratio',
    'blocked: `child_process`',
    'this package',
    'ratio',
  ];
  const rows = growthRows(result).map(({ count, cells }) => [count.toLocaleString('en'), ...cells]);
  return [...table([result.counted, ...heads], rows), ''];
}

function table(heads: string[], rows: string[][]): string[] {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(heads), line(heads.map(() => '---')), ...rows.map(line)];
}
