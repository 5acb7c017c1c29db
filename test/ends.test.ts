import { spawnSync } from 'child_process';
import { readFileSync } from 'fs';
import { constants } from 'os';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { fixture, shell } from './support';

const test = suite('how a program ends');

for (const code of [0, 1, 127, 200, 255]) {
  test(`exit code ${code}`, async () => {
    const status = await new Command(fixture('exit')).arg(String(code)).status();
    assert.is(status.code, code);
    assert.is(status.signal, null);
    assert.is(status.success, code === 0);
    assert.is(String(status), `exit status: ${code}`);
  });
}

for (const [number, name] of [
  [9, 'SIGKILL'],
  [15, 'SIGTERM'],
  [40, 'SIGRT_8'],
] as const) {
  test(`signal ${number}`, async () => {
    const status = await shell(`kill -${number} $$`).status();
    assert.is(status.code, null);
    assert.is(status.signal, name);
    assert.is(status.success, false);
  });
}

test('a real-time signal can be sent by its kernel and its libc name, and by its number', async () => {
  for (const signal of ['SIGRT_8', 'SIGRTMIN+6', 40] as const) {
    const child = await new Command('/bin/sleep').arg('60').spawn();
    await child.signal(signal);
    assert.is((await child.wait()).signal, 'SIGRT_8');
  }
});

/** Node has no word for core dumps, so the shell that saw one says it. */
function canDump(): string | false {
  const pattern = readFileSync('/proc/sys/kernel/core_pattern', 'utf8').trim();
  const reference = spawnSync(
    '/bin/bash',
    ['-c', 'cd /; ulimit -c unlimited; bash -c "kill -ABRT \\$\\$"; true'],
    {
      encoding: 'utf8',
    },
  );
  return /core dumped/.test(reference.stderr) ? false : `a reference process dumps no core here (${pattern})`;
}

test(
  'the core dump flag',
  async () => {
    const status = await shell('ulimit -c unlimited; kill -ABRT $$').currentDir('/tmp').status();
    assert.is(status.signal, 'SIGABRT');
    assert.ok(status.coreDumped);
  },
  { skip: canDump() },
);

test('no core dump flag where the limit forbids it', async () => {
  const status = await shell('ulimit -c 0; kill -ABRT $$').status();
  assert.is(status.signal, 'SIGABRT');
  assert.is(status.coreDumped, false);
});

test('resource usage is that of the program', async () => {
  const { resourceUsage } = await shell('i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done').status();
  assert.ok(resourceUsage.userCPUTime > 10_000, String(resourceUsage.userCPUTime));
  assert.ok(resourceUsage.maxRSS > 100 && resourceUsage.maxRSS < 100_000, String(resourceUsage.maxRSS));
});

test('every signal that ends a program by default does so, whatever the client ignores', async () => {
  const harmless = new Set(['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH']);
  const stopping = new Set(['SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU']);
  for (const [name, number] of Object.entries(constants.signals)) {
    if (harmless.has(name) || stopping.has(name)) continue;
    const status = await shell(`ulimit -c 0; kill -${number} $$`).status();
    assert.is(status.signal && constants.signals[status.signal as NodeJS.Signals], number, name);
  }
});

test.run();
