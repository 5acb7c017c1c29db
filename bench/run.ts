import { cpus, loadavg } from 'os';
import { baseline, type Comparison, ratio } from './comparison';
import { type Contender, loadExeca, tools } from './contenders';
import { type Figures, writeDocs } from './docs';
import { type GrowthResult, measureGrowth } from './growth';
import { formatGrowth } from './growth-table';
import { type Options, readOptions } from './options';
import { type Section, sections } from './sections';
import { formatComparison } from './table';
import { isMissed, isMissedByFar, targetOf } from './targets';

const triesMax = 3;

type Print = (line: string) => void;

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  const print: Print = line => options.json || console.log(line);

  const load = loadavg()[0]!.toFixed(1);
  const machine = `Node ${process.versions.node} on ${cpus().length} processors, load average ${load} when it began`;
  print(`${machine}.`);
  print(`Ratios are to the first line of each table, which is ${baseline} mostly, in the same rounds.\n`);
  const comparisons = await compareAll(options, print);
  const growth = await growthOf(options, print);

  const figures: Figures = { machine, isQuick: options.quick, comparisons, growth };
  if (options.json) console.log(JSON.stringify(describe(figures), null, 2));
  if (options.writeDocs) await writeDocs(figures);
  const missed = comparisons.filter(isMissed).map(({ title }) => title);
  if (missed.length > 0) print(`Missed: ${missed.join('; ')}.`);
  if (options.check && comparisons.some(isMissedByFar)) process.exitCode = 1;
}

async function compareAll(options: Options, print: Print): Promise<Comparison[]> {
  const packages = options.check ? [] : [await loadExeca()];
  const present = await presentTools(print);
  const comparisons: Comparison[] = [];
  for (const section of sections(options.quick, packages, present)) {
    if (!options.only.test(section.name) || (section.isExtra && options.check)) continue;
    comparisons.push(...(await runSection(section, options, print)));
  }
  return comparisons;
}

/** It has no targets. */
async function growthOf({ only, check, quick }: Options, print: Print): Promise<GrowthResult[]> {
  if (check || !only.test('growth')) return [];
  const growth = await measureGrowth(quick);
  for (const result of growth) print(formatGrowth(result));
  return growth;
}

/** Those tools that are installed and allowed to do their work here. */
async function presentTools(print: Print): Promise<Contender[]> {
  const present: Contender[] = [];
  for (const tool of tools) {
    try {
      await tool.run();
      present.push(tool);
    } catch (error) {
      print(`${tool.name} is left out: ${(error as Error).message}.\n`);
    }
  }
  return present;
}

/** Runs a section; for a check, again while it misses a target by far: other programs of the machine disturb it. */
async function runSection({ run }: Section, { check }: Options, print: Print): Promise<Comparison[]> {
  let best: Comparison[] = [];
  for (let tries = 1; tries <= triesMax; tries++) {
    const comparisons = await run();
    for (const comparison of comparisons) print(formatComparison(comparison));
    best = comparisons.map((comparison, i) => (best[i] && !isMissedByFar(best[i]) ? best[i] : comparison));
    if (!check || !best.some(isMissedByFar)) break;
    print(`A target was missed by far in try ${tries} of ${triesMax}.\n`);
  }
  return best;
}

function describe({ machine, comparisons, growth }: Figures): object {
  const described = comparisons.map(comparison => {
    const target = targetOf(comparison);
    const verdict = target && { target, met: !isMissed(comparison) };
    return { ...comparison, ratio: ratio(comparison), ...verdict };
  });
  return { machine, comparisons: described, growth };
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(2);
});
