import { execFileSync } from 'child_process';
import { readFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import { type Comparison, library, ratio } from './comparison';
import type { GrowthResult } from './growth';
import { growthRows } from './growth-table';
import { contendersOf, formatRatio, formatValue, formatVerdict } from './table';

/** All that one run has found. */
export interface Figures {
  /** What it ran on. */
  machine: string;
  comparisons: Comparison[];
  growth: GrowthResult[];
}

const docs = path.join(__dirname, '../../docs');
const page = path.join(docs, 'performance.md');

/** Puts the figures between their markers in docs/performance.md, and the plot beside it. */
export async function writeDocs({ machine, comparisons, growth }: Figures): Promise<void> {
  let text = readFileSync(page, 'utf8');
  const [onNode, onOthers] = [false, true].map(others =>
    comparisons.filter(({ id }) => isOnOther(id) === others),
  );
  text = replace(text, 'comparisons', [`One run, ${machine}:`, '', ...comparisonTable(onNode!)]);
  text = replace(text, 'runtimes', comparisonTable(onOthers!));
  text = replace(text, 'growth', growth.flatMap(growthTable).slice(0, -1));
  writeFileSync(page, text);
  const { plotGrowth } = await import('./plot.mjs');
  writeFileSync(path.join(docs, 'growth.svg'), plotGrowth(growth));
  const biome = path.join(docs, '../node_modules/.bin/biome');
  execFileSync(biome, ['format', '--write', page], { stdio: ['ignore', 'ignore', 'inherit'] });
}

/** What is between `<!-- NAME -->` and `<!-- end of NAME -->` in `text` becomes these lines. */
function replace(text: string, name: string, lines: string[]): string {
  const [begin, end] = [`<!-- ${name} -->\n`, `<!-- end of ${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) throw new Error(`${page} has no place for the ${name}`);
  return `${text.slice(0, from + begin.length)}\n${lines.join('\n')}\n\n${text.slice(to)}`;
}

/** Whether the comparison was made by another runtime than Node. */
function isOnOther(id: string): boolean {
  return /^(bun|deno)\./.test(id);
}

function comparisonTable(comparisons: Comparison[]): string[] {
  const rows = comparisons.flatMap(comparison =>
    contendersOf(comparison).map((name, i) => [
      i === 0 ? comparison.title : '',
      nameOf(name),
      formatValue(comparison, name),
      i === 0 ? '' : formatRatio(ratio(comparison, name)),
      name === library ? formatVerdict(comparison).replace('MISSED', '**missed**') : '',
    ]),
  );
  return table(['', '', 'median', 'ratio', 'target'], rows, 2);
}

/** Names of programs and functions are code. */
function nameOf(contender: string): string {
  return contender === library
    ? 'this package'
    : /[.(]|^bwrap$|^execa$/.test(contender)
      ? `\`${contender}\``
      : contender;
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
  return [...table([result.counted, ...heads], rows, 0), ''];
}

/** A Markdown table; columns from `leftAligned` on are aligned to the right. */
function table(heads: string[], rows: string[][], leftAligned: number): string[] {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  const rule = heads.map((_, i) => (i < leftAligned ? '---' : '--:'));
  return [line(heads), line(rule), ...rows.map(line)];
}
