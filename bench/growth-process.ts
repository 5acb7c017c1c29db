import { type StdioOptions, spawn } from 'child_process';
import { performance } from 'perf_hooks';
import { Command, Fd } from 'unshare';
import { baseline, library } from './comparison';
import { runChild, runCommand } from './contenders';
import { copy, exit } from './fixtures';
import { type GrowthSamples, type GrowthTask, largeVariables, textSize } from './growth';

/* Run by growth.ts for one count of one factor, for one contender. */

/** Enough for what is to be compiled, and not longer than that. */
const warmUpStarts = 300;
const warmUpMs = 1500;
/** No further sample is taken after so long. */
const samplingMs = 3000;
const startsMin = 5;

/** What the program is started with. */
interface Load {
  args: string[];
  descriptors: number;
}

const starters: { [contender: string]: (load: Load) => Promise<void> } = {
  [library]: ({ args, descriptors }) => {
    const command = new Command(exit).args(args).stdin('null').stdout('null').stderr('null');
    for (let number = 3; number < 3 + descriptors; number++) command.fileDescriptor(number, Fd.readNull());
    return runCommand(command);
  },
  [baseline]: ({ args, descriptors }) => {
    const stdio: StdioOptions = new Array(3 + descriptors).fill('ignore');
    return runChild(exit, args, stdio);
  },
};

/** What starts a program that lives as long as this process. */
const livers: { [contender: string]: () => Promise<unknown> } = {
  [library]: () => new Command(copy).stdin('piped').stdout('null').stderr('null').spawn(),
  [baseline]: async () => spawn(copy, { stdio: ['pipe', 'ignore', 'ignore'] }),
};

/** What would be collected otherwise. */
const kept: unknown[] = [];

async function prepare({ factor, count, contender }: GrowthTask): Promise<Load> {
  const load: Load = { args: ['0'], descriptors: 0 };
  switch (factor) {
    case 'children':
      for (let i = 0; i < count; i++) kept.push(await livers[contender]!());
      break;
    case 'variables':
      setVariables(count, textSize);
      break;
    case 'environment':
      setVariables(largeVariables, (count * 1024) / largeVariables);
      break;
    case 'arguments':
      // The first one is the status to exit with.
      load.args = new Array(count).fill('0'.repeat(textSize));
      break;
    case 'descriptors':
      load.descriptors = count;
      break;
    case 'memory':
      for (let i = 0; i < count; i++) kept.push(Buffer.alloc(1 << 20, 1));
      break;
  }
  return load;
}

/** Each of so many bytes, its name and the NUL behind it included. */
function setVariables(count: number, size: number): void {
  for (let i = 0; i < count; i++) {
    const name = `VARIABLE_${i}`;
    process.env[name] = 'x'.repeat(size - name.length - 2);
  }
}

async function main(): Promise<void> {
  const task: GrowthTask = JSON.parse(process.argv[2]!);
  const load = await prepare(task);
  const start = () => starters[task.contender]!(load);
  const warmUpEnd = performance.now() + warmUpMs;
  for (let i = 0; i < warmUpStarts && performance.now() < warmUpEnd; i++) await start();
  const samples: GrowthSamples = { exitMs: [], callMs: [] };
  const samplingEnd = performance.now() + samplingMs;
  for (let i = 0; i < task.starts && (i < startsMin || performance.now() < samplingEnd); i++) {
    const began = performance.now();
    const ended = start();
    samples.callMs.push(performance.now() - began);
    await ended;
    samples.exitMs.push(performance.now() - began);
  }
  process.send!(samples, () => process.exit(0));
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
