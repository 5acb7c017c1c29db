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
  // On a busy machine, starting the runtime alone may take a second.
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

test('untrusted: no other process, no network, no file written, nobody else, no long time', async () => {
  const script = `id -u; ls -d /proc/[0-9]* | wc -l; grep -c : /proc/net/dev; grep CapEff /proc/self/status
    echo x > /tmp/file; echo x > /dev/shm/file; sleep 100`;
  const lines = (await said(example('untrusted.js', script))).split('\n');
  // The shell, and \`ls\` and \`wc\`.
  assert.equal([lines[0], lines[2], lines[3]], ['1000', '1', 'CapEff:\t0000000000000000']);
  assert.ok(Number(lines[1]) <= 3);
  assert.is(lines[4], '"/bin/sh" was ended after 2000 ms (ETIMEDOUT)');
  const refused = await said(example('untrusted.js', 'echo x > /tmp/file'));
  assert.match(refused, 'Permission denied');
  assert.match(await said(example('untrusted.js')), 'hello\nexit status: 0');
});

test(
  'socket activation: the service answers',
  async () => {
    assert.is(await said(example('socket-activation.js')), 'the service has answered\n');
  },
  { skip: withoutListeners },
);

test.run();
