import * as assert from 'uvu/assert';
import { drivesPipes } from '../client/runtime';
import { suite } from './harness';
import { runScript } from './support';

const test = suite('trace');

const code = `
  const command = new unshare.Command('/bin/sh').args(['-c', 'exit 3\\n# two lines']).env('PASSWORD', 'hunter2');
  command.stdout('piped').status().then(() => command.statusSync());`;

test('NODE_DEBUG=unshare writes each message in one line, without the environment', async () => {
  const { stderr, code: exitCode } = await runScript(code, { ...process.env, NODE_DEBUG: 'unshare' });
  assert.is(exitCode, 0);
  const lines = stderr.trim().split('\n');
  const kinds = lines.map(
    line => /^UNSHARE \d+: helper (\d+|for one command) ([<>] \w+) \{.*\}$/.exec(line)?.[2],
  );
  // What the runtime has made is not the helper's to release.
  const release = drivesPipes() ? ['> releasePipes'] : [];
  const first = ['< died', '< hello', '< spawned', '> hello', ...release, '> spawn'];
  assert.equal(kinds.slice(0, first.length).sort(), first);
  assert.equal(kinds.slice(first.length), ['> spawn', '< hello', '< spawned', '< died']);
  assert.not.match(stderr, /PASSWORD|hunter2/);
  assert.match(stderr, /"environment":"\d+ variables"/);
  assert.match(stderr, '"arguments":["/bin/sh","-c","exit 3\\n# two lines"]');
});

test('without it, nothing is written', async () => {
  const { stderr } = await runScript(code, { ...process.env, NODE_DEBUG: 'net' });
  assert.not.match(stderr, 'UNSHARE');
});

test.run();
