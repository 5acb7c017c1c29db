import { readdirSync } from 'fs';
import * as path from 'path';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { packageRoot, runtimePath, sleep, withoutListeners } from './support';

const test = suite('examples');
const directory = path.join(packageRoot, 'examples');

function example(name: string, ...args: string[]): Command {
  return new Command(runtimePath).arg(path.join(directory, name)).args(args);
}

async function said(command: Command): Promise<string> {
  const { status, stdout, stderr } = await command.output({ timeout: 30_000 });
  assert.equal([stderr.toString(), String(status)], ['', 'exit status: 0']);
  return stdout.toString();
}

test('each is run here', () => {
  assert.equal(readdirSync(directory).sort(), [
    'jobs.js',
    'socket-activation.js',
    'supervisor.js',
    'untrusted.js',
  ]);
});

test('supervisor: restarts with pauses that grow, and stops in order', async () => {
  const child = await example('supervisor.js').stdout('piped').spawn();
  const text = child.stdout!.text();
  await sleep(2000);
  await child.signal('SIGTERM');
  const lines = (await text).trim().split('\n');
  assert.is(String(await child.wait()), 'exit status: 0');
  assert.equal(lines.slice(0, 4), [
    'steady started',
    'flaky started',
    'flaky ended with exit status: 1',
    'flaky started',
  ]);
  const starts = lines.filter(line => line === 'flaky started').length;
  // 100, 200, 400 and 800 ms apart.
  assert.ok(starts >= 2 && starts <= 5, `${starts} starts in two seconds`);
  assert.equal(lines.slice(-2), ['steady ended with signal: 15 (SIGTERM)', 'steady stopped']);
});

test('jobs: the results are in the order of the jobs', async () => {
  const output = await said(example('jobs.js', 'sleep 0.2; echo one', 'echo two', 'exit 3'));
  assert.is(
    output,
    'sleep 0.2; echo one: exit status: 0\none\n\necho two: exit status: 0\ntwo\n\nexit 3: exit status: 3\n\n',
  );
});

test('untrusted: what the script prints, and how it ended; test/untrusted.test.ts attacks it', async () => {
  assert.match(await said(example('untrusted.js')), /^user 1000, process 1\n/);
  assert.is(await said(example('untrusted.js', 'echo hello; exit 3')), 'hello\nexit status: 3\n');
});

test(
  'socket activation: the service answers',
  async () => {
    assert.is(await said(example('socket-activation.js')), 'the service has answered\n');
  },
  { skip: withoutListeners },
);

test.run();
