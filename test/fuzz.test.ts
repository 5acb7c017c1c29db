import { spawnSync } from 'child_process';
import { readdirSync, readFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { playBytes } from './fuzz/channel';
import { Dice } from './fuzz/dice';
import { helperFuzz } from './fuzz/round-trip';
import { fuzz } from './fuzz/target';
import { targetOf, targets } from './fuzz/targets';
import { suite } from './harness';
import { packageRoot } from './support';

/*
 * A little of what `npm run fuzz` does, the same every time; and what it keeps. The corpus of the helper's own is lived by its unit
 * tests (build.zig).
 */

const test = suite('fuzz');
const corpus = path.join(packageRoot, 'test/fuzz/corpus');

/** How many executions of each. */
const COUNTS: Record<string, number> = { channel: 2000, 'round trip': 1200, 'command runs': 96 };

for (const target of targets) {
  const skip = target.unable ?? false;
  test(
    `${target.name}: nothing is found`,
    async () => {
      try {
        const count = COUNTS[target.name]!;
        assert.is(await fuzz(target, 1, { count }), count);
      } finally {
        await target.end?.();
      }
    },
    { skip },
  );
}

test(
  'helper: nothing is found',
  () => {
    const limits = ['--seed', '1', '--count', '2000', '--seconds', '60'];
    const { status, stderr } = spawnSync(helperFuzz, limits, { encoding: 'utf8' });
    assert.is(status, 0, stderr);
    assert.match(stderr, /^2000 lives of helpers from seed 1: /);
  },
  // The program is the same one.
  { skip: targetOf('round trip').unable ?? false },
);

test('a client takes no harm from what helpers of the corpus send', async () => {
  const directory = path.join(corpus, 'channel');
  const names = readdirSync(directory);
  assert.ok(names.length > 0);
  for (const name of names) {
    // Cut in different ways.
    for (let seed = 1; seed <= 10; seed += 1) {
      await playBytes(readFileSync(path.join(directory, name)), new Dice(seed)).catch((error: Error) => {
        throw new Error(`${name}, cut by ${seed}: ${error.message}`);
      });
    }
  }
});

test('every byte but NUL is in what command runs are given', () => {
  const seen = new Set<number>();
  for (let seed = 1; seed <= 96; seed += 1) for (const byte of new Dice(seed).text(100)) seen.add(byte);
  assert.is(seen.size, 255);
  assert.not.ok(seen.has(0));
});

test('the executions of a target are the same every time', () => {
  const draw = (seed: number) => [new Dice(seed).bytes(20).toString('hex'), targetOf('channel').batch];
  assert.equal(draw(7), draw(7));
  assert.not.equal(draw(7), draw(8));
});

test.run();
