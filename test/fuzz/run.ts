import { execFileSync, spawn } from 'child_process';
import { existsSync } from 'fs';
import * as path from 'path';
import { packageRoot } from '../support';
import { helperFuzz } from './round-trip';
import { fuzz } from './target';
import { targetOf, targets } from './targets';

/*
 * Fuzzes everything that is fuzzed, side by side, each in a process of its own:
 *
 *     npm run fuzz [-- [--seconds N] [--seed N] [--count N] [--only NAME]]
 *
 * The last line has the numbers of targets. What was found says how it is found again.
 */

interface Options {
  seconds: number;
  seed: number;
  count: number | null;
  only: string | null;
}

function readOptions(args: string[]): Options {
  const options: Options = { seconds: 60, seed: Date.now() % 2 ** 32, count: null, only: null };
  for (let at = 0; at < args.length; at += 2) {
    const [name, value] = [args[at], args[at + 1]];
    const number = Number(value);
    if (name === '--only' && value !== undefined) options.only = value;
    else if (value === undefined || !Number.isSafeInteger(number) || number < 0) throw new Error(usage);
    else if (name === '--seconds') options.seconds = number;
    else if (name === '--seed') options.seed = number;
    else if (name === '--count') options.count = number;
    else throw new Error(usage);
  }
  return options;
}

const usage = 'Usage: npm run fuzz -- [--seconds N] [--seed N] [--count N] [--only NAME]';
const helperName = 'helper';

/** One target, in this process. */
async function fuzzHere(name: string, { seconds, seed, count }: Options): Promise<void> {
  const target = targetOf(name);
  const until = { time: Date.now() + seconds * 1000, ...(count !== null && { count }) };
  try {
    console.log(`${await fuzz(target, seed, until)} executions`);
  } catch (error) {
    console.log(
      `FOUND: ${(error as Error).message}\nagain with --only '${name}' --seed ${numberIn(error)} --count ${target.batch}`,
    );
    // What it has found may keep it from an end of its own.
    process.exit(1);
  }
  await target.end?.();
}

function numberIn(error: unknown): string {
  return /from (\d+) on/.exec((error as Error).message)?.[1] ?? '?';
}

/** Returns whether nothing was found. */
function runApart(name: string, { seconds, seed, count }: Options): Promise<boolean> {
  const limits = [
    '--seconds',
    `${seconds}`,
    '--seed',
    `${seed}`,
    ...(count === null ? [] : ['--count', `${count}`]),
  ];
  const child =
    name === helperName
      ? spawn(helperFuzz, limits, { stdio: ['ignore', 'pipe', 'pipe'] })
      : spawn(process.execPath, [__filename, ...limits, '--only', name], {
          env: { ...process.env, UNSHARE_FUZZ_HERE: '1' },
          stdio: ['ignore', 'pipe', 'pipe'],
        });
  let text = '';
  for (const stream of [child.stdout!, child.stderr!]) stream.on('data', chunk => (text += chunk));
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code, signal) => {
      const how = code === 0 ? 'ok  ' : 'FAIL';
      console.log(`${how} ${name}: ${text.trimEnd()}${code === null ? ` (${signal})` : ''}`);
      resolve(code === 0);
    });
  });
}

async function main(): Promise<void> {
  const options = readOptions(process.argv.slice(2));
  if (process.env.UNSHARE_FUZZ_HERE && options.only !== null) return fuzzHere(options.only, options);
  const zig = path.join(packageRoot, 'node_modules/.bin/zig');
  if (existsSync(zig)) execFileSync(zig, ['build', 'fuzz'], { cwd: packageRoot, stdio: 'inherit' });
  const names = [helperName, ...targets.map(({ name }) => name)].filter(
    name => options.only === null || options.only === name,
  );
  if (names.length === 0) throw new Error(`there is no target "${options.only}"`);
  console.log(`from seed ${options.seed}, for ${options.seconds} s: ${names.join(', ')}`);
  const able = names.filter(name => name === helperName || !targetOf(name).unable);
  const results = await Promise.all(able.map(name => runApart(name, options)));
  const passed = results.filter(result => result).length;
  const skipped = names.length - able.length;
  console.log(`${passed} passed, ${results.length - passed} failed, ${skipped} skipped`);
  process.exitCode = passed === results.length && passed > 0 ? 0 : 1;
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(2);
});
