import { mkdirSync, readdirSync, readFileSync, unlinkSync, utimesSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { makeScratch } from './scratch';
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
    'build.js',
    'jobs.js',
    'run-code.js',
    'shell.js',
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

test('build: in order, only what is needed, with logs, and up to the first failure', async () => {
  const place = makeScratch();
  writeFileSync(path.join(place, 'text'), 'one two\n');
  const first = (await said(example('build.js', place))).trim().split('\n');
  assert.equal(first.slice(2), ['build/all: cat build/upper build/count > build/all', 'done']);
  assert.is(readFileSync(path.join(place, 'build/all'), 'utf8'), 'ONE TWO\n2\n');
  assert.is(await said(example('build.js', place)), 'done\n');
  unlinkSync(path.join(place, 'build/count'));
  mkdirSync(path.join(place, 'build/count'));
  utimesSync(path.join(place, 'text'), new Date(), new Date(Date.now() + 5000));
  const failed = await example('build.js', place).output({ encoding: 'utf8' });
  assert.is(failed.status.code, 1);
  assert.match(failed.stdout, /build\/count: exit status: [12]\n.*build\/count/);
});

test('run-code: the result is JSON, and limits hold', async () => {
  const run = async (code: string, ...args: string[]) => {
    const output = await example('run-code.js', ...args).output({ input: code, check: true });
    return output.json<{ result: string; stdout: string; stderr: string; durationMs: number }>();
  };
  const seen = await run('echo $$; cut -d: -f1 /proc/net/dev | tail -n +3; id -u');
  assert.equal([seen.result, seen.stderr], ['exit status: 0', '']);
  assert.equal(seen.stdout.trim().split(/\s+/), ['1', 'lo', `${process.geteuid!()}`]);
  assert.ok(seen.durationMs < 60_000);
  assert.is((await run('cat; exit 3', 'sh', '-c', 'cat >&2; exit 3')).result, 'exit status: 3');
  const large = await run('', 'yes');
  assert.equal([large.result, large.stdout.length], ['stdout maxBuffer length exceeded', 2 ** 20]);
});

test('shell: root alone in its namespaces', async () => {
  const script = 'echo "$$ $(id -u) $(uname -n)"; ls -d /proc/[0-9]* | wc -l; exit 3';
  const output = await example('shell.js', '-c', script).env('SHELL', '/bin/sh').output({ encoding: 'utf8' });
  // The shell, `ls` and `wc`.
  assert.match(output.stdout, /^1 0 sandbox\n[123]\n$/, output.stderr);
  assert.is(output.status.code, 3);
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
