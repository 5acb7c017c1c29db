import { existsSync } from 'fs';
import * as path from 'path';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { drivesPipes } from '../client/runtime';
import { readDocument } from './doc-blocks';
import { suite } from './harness';
import { FALLIBLE } from './soak/errors';
import { killProcesses } from './soak/kills';
import { soakSpawns } from './soak/spawns';
import { runtimePath } from './support';
import { withoutStrace } from './wrapped-helper';

/* A little of `npm run soak`, which takes too long for every day. */

const test = suite('soak');
const isRoot = process.getuid!() === 0;
/** They look at the one helper that serves every command. */
const ownHelpers = !drivesPipes() && 'here, each command with pipes has a helper of its own';
const needed = ['/usr/bin/newuidmap', '/usr/bin/busybox'];

test(
  'one in forty faults: every promise settles, at a stage that fits or as it was asked for, and nothing is left',
  async () => {
    const { status, stdout } = await new Command(runtimePath)
      .args([path.join(__dirname, 'soak/run.js'), 'faults', '--every', '40'])
      .output();
    const text = stdout.toString();
    assert.ok(status.success, text);
    const [, faults, failed] = /^(\d+) faults, (\d+) failed$/m.exec(text)!;
    assert.ok(Number(faults) > 40, text);
    assert.is(failed, '0', text);
  },
  {
    skip: isRoot
      ? ownHelpers ||
        withoutStrace ||
        (!needed.every(existsSync) && 'uidmap or busybox-static is not installed')
      : 'for an ordinary user, strace takes the privileges from newuidmap',
  },
);

test('processes of commands that are killed before they are the program: every spawn says so, and nothing is left', async () => {
  const { killed, problems } = await killProcesses(25, null);
  assert.equal(problems, []);
  assert.ok([...killed.values()].reduce((sum, count) => sum + count, 0) >= 25);
});

test(
  'two thousand spawns of every kind, 64 in flight: every event is accounted for, and descriptors and the helper’s memory are flat',
  async () => {
    const { samples, events, kinds, problems } = await soakSpawns(2000);
    assert.equal(problems, []);
    const [early, late] = [samples[4]!, samples[samples.length - 1]!];
    assert.is(late.descriptors, early.descriptors);
    assert.is(late.helperDescriptors, early.helperDescriptors);
    assert.ok(late.helperResidentKib <= early.helperResidentKib + 64);
    assert.is(events.stops, kinds.get('stopped, continued, killed'));
    assert.is(events.continues, events.stops);
  },
  { skip: ownHelpers },
);

test('docs/faults.md has every call that can fail on the way of a command', () => {
  const rows = readDocument('docs/faults.md').match(/^\| `\w+` +\|/gm) ?? [];
  const calls = new Set(rows.map(row => row.replace(/\W/g, '')));
  const missing = Object.keys(FALLIBLE).filter(call => !calls.has(call));
  assert.equal(missing, []);
});

test.run();
