import { cpus } from 'os';
import { baseline, type Comparison, ratio } from './comparison';
import { type Contender, tools } from './contenders';
import { measureFloor } from './floor';
import { type Options, readOptions } from './options';
import { type Section, sections } from './sections';
import { formatComparison } from './table';
import { isMissed, isMissedByFar, targetOf } from './targets';

const triesMax = 3;

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  const print = (line: string) => options.json || console.log(line);

  print(`Node ${process.version} on ${cpus().length} processors.`);
  print(`Ratios are to ${baseline}, in the same rounds.\n`);
  const present = await presentTools(print);
  const floorUs = measureFloor(2000);
  print(`The floor: vfork, execve and wait4 by a native program take ${Math.round(floorUs)} µs.\n`);

  const comparisons: Comparison[] = [];
  for (const section of sections(options.quick, present)) {
    comparisons.push(...(await runSection(section, options, print)));
  }

  if (options.json) console.log(JSON.stringify({ floorUs, comparisons: comparisons.map(describe) }, null, 2));
  const missed = comparisons.filter(isMissed).map(({ title }) => title);
  if (missed.length > 0) print(`Missed: ${missed.join('; ')}.`);
  if (options.check && comparisons.some(isMissedByFar)) process.exitCode = 1;
}

/** Those tools that are installed and allowed to do their work here. */
async function presentTools(print: (line: string) => void): Promise<Contender[]> {
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
async function runSection(
  section: Section,
  { check }: Options,
  print: (line: string) => void,
): Promise<Comparison[]> {
  let best: Comparison[] = [];
  for (let tries = 1; tries <= triesMax; tries++) {
    const comparisons = await section();
    for (const comparison of comparisons) print(formatComparison(comparison));
    best = comparisons.map((comparison, i) => (best[i] && !isMissedByFar(best[i]) ? best[i] : comparison));
    if (!check || !best.some(isMissedByFar)) break;
    print(`A target was missed by far in try ${tries} of ${triesMax}.\n`);
  }
  return best;
}

function describe(comparison: Comparison): object {
  const target = targetOf(comparison);
  const verdict = target && { target, met: !isMissed(comparison) };
  return { ...comparison, ratio: ratio(comparison), ...verdict };
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(2);
});
