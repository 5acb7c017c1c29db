import { execFileSync, spawnSync } from 'child_process';
import { writeFileSync } from 'fs';
import * as path from 'path';
import type { Child } from 'unshare';
import { makeScratch } from '../scratch';
import { packageRoot, rootMaps, shell } from '../support';
import { makeWorld, subjects } from './commands';
import { documentOf, sweep } from './faults';
import { killProcesses } from './kills';
import { driftOf, type Sample, soakSpawns, tenths } from './spawns';

/*
 * `npm run soak -- [faults] [kills] [spawns] [OPTION]…`, all three by default, by root and with strace: what takes too long
 * for the tests, which have a little of each.
 */

const usage = `usage: npm run soak -- [faults] [kills] [spawns] [OPTION]…
  --count N   spawns, 200000 unless told otherwise, and a hundredth of it as many kills of each kind
  --every N   one in N faults
  --only RE   faults of the commands with such a name
  --write     the table of faults goes into docs/faults.md`;

let isOver = false;
// Where a promise does not settle, the event loop may run dry.
process.on('exit', () => {
  if (isOver) return;
  console.error('FAILED: it ended before it was over');
  process.exitCode = 1;
});

const inPreparedNamespace = 'UNSHARE_SOAK_ROOT';
const modes = ['faults', 'kills', 'spawns'] as const;

interface Options {
  modes: readonly string[];
  count: number;
  every: number;
  only: RegExp;
  write: boolean;
}

function readOptions(given: string[]): Options {
  const options = { modes: [] as string[], count: 200_000, every: 1, only: /(?:)/, write: false };
  for (let index = 0; index < given.length; index += 1) {
    const word = given[index]!;
    const value = () => {
      index += 1;
      return given[index] ?? fail();
    };
    if ((modes as readonly string[]).includes(word)) options.modes.push(word);
    else if (word === '--count') options.count = Number(value());
    else if (word === '--every') options.every = Number(value());
    else if (word === '--only') options.only = new RegExp(value());
    else if (word === '--write') options.write = true;
    else fail();
  }
  return options.modes.length > 0 ? options : { ...options, modes };
}

function fail(): never {
  console.error(usage);
  isOver = true;
  process.exit(64);
}

async function main(options: Options, root: string): Promise<void> {
  let target: Child | null = null;
  try {
    target = await shell('exec sleep 100000')
      .unshare('user', 'pid', 'mount', 'net', 'uts', 'ipc', 'cgroup')
      .setIdMaps(...rootMaps())
      .spawn();
    const problems: number[] = [];
    if (options.modes.includes('faults')) problems.push(await faults(options, root, target.pid));
    if (options.modes.includes('kills')) problems.push(await kills(options, root, target.pid));
    if (options.modes.includes('spawns')) problems.push(await spawns(options));
    process.exitCode = problems.some(count => count > 0) ? 1 : 0;
  } finally {
    await target?.kill();
    await target?.wait();
  }
}

async function faults(options: Options, root: string, target: number): Promise<number> {
  console.log('== faults');
  const swept = await sweep(chosen(options, root, target), options);
  const document = documentOf(swept);
  if (options.write) writeDocument(document);
  else console.log(document);
  return swept.failed;
}

/** Formatted as `npm run lint` wants it. */
function writeDocument(text: string): void {
  const file = path.join(packageRoot, 'docs/faults.md');
  writeFileSync(file, text);
  execFileSync(path.join(packageRoot, 'node_modules/.bin/biome'), ['format', '--write', file]);
}

function chosen({ only }: Options, root: string, target: number) {
  return subjects(root, target).filter(({ name }) => only.test(name));
}

async function kills(options: Options, root: string, target: number): Promise<number> {
  console.log('== kills: at each system call');
  let problems = (await sweep(chosen(options, root, target), { ...options, kills: true })).failed;

  const count = Math.ceil(options.count / 100);
  console.log(`== kills: ${count} processes of commands, at random moments`);
  const random = await killProcesses(count, target);
  console.log('killed:', Object.fromEntries(random.killed));
  console.log('the spawns:', Object.fromEntries(random.outcomes));
  for (const problem of random.problems) console.log(`FAILED: ${problem}`);
  problems += random.problems.length;

  const rounds = Math.min(count, 500);
  console.log(`== kills: ${rounds} clients and ${rounds} helpers, at random moments`);
  const env = { ...process.env, UNSHARE_TEST_KILLS: `${rounds}` };
  const { status } = spawnSync(process.execPath, [path.join(__dirname, '../security.test.js')], {
    env,
    stdio: 'inherit',
  });
  return problems + (status === 0 ? 0 : 1);
}

async function spawns({ count }: Options): Promise<number> {
  console.log(`== spawns: ${count}`);
  const report = await soakSpawns(count, tell);
  const [first, last] = tenths(report.latenciesMs);
  console.log('spawns:', Object.fromEntries(report.kinds));
  console.log('events:', report.events);
  console.log(`${Math.round(count / report.seconds)} spawns per second`);
  console.log('latency of plain spawns in ms, the first tenth and the last:', first, last);
  console.log('one after the other, by this helper and by a new one:', report.alone.used, report.alone.fresh);
  const problems = [...report.problems, ...driftOf(report)];
  for (const problem of problems) console.log(`FAILED: ${problem}`);
  return problems.length;
}

function tell(sample: Sample): void {
  console.log(
    Object.entries(sample)
      .map(([name, value]) => `${name} ${value}`)
      .join(', '),
  );
}

/** Runs this again in namespaces of its own, in which the new root is a mount point and no process is a stranger's. */
async function prepare(): Promise<void> {
  const root = path.join(makeScratch(), 'world');
  makeWorld(root);
  const status = await shell('mount --rbind "$0" "$0" && mount -t proc proc /proc && "$@"; exit $?')
    .args([root, process.execPath, ...process.argv.slice(1)])
    .unshare('mount', 'pid')
    .env(inPreparedNamespace, root)
    .status();
  process.exitCode = status.code ?? 1;
}

const options = readOptions(process.argv.slice(2));
const root = process.env[inPreparedNamespace];
(root ? main(options, root) : prepare())
  .catch(error => {
    console.error(error);
    process.exitCode = 2;
  })
  .then(() => {
    isOver = true;
  });
