import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { rejection, rootMaps, shell } from './support';

const test = suite('forceKillAfter');

/** Process 1 of a pid namespace, which the kernel keeps from signals that it does not handle. */
function first(): Command {
  return new Command('/bin/sleep', ['60']).unshare('pid').setIdMaps(...rootMaps());
}

const options = { killSignal: 'SIGTERM', timeout: 200, forceKillAfter: 200 } as const;
type Options = { killSignal: 'SIGTERM'; timeout: number; forceKillAfter: number };

const CALLS: Record<string, (command: Command, options: Options) => unknown> = {
  status: (command, options) => command.status(options),
  output: (command, options) => command.output(options),
  statusSync: (command, options) => command.statusSync(options),
  outputSync: (command, options) => command.outputSync(options),
};

async function elapsed(work: () => unknown): Promise<{ error: Error & { code?: string }; ms: number }> {
  const start = Date.now();
  try {
    await work();
  } catch (error) {
    return { error: error as Error, ms: Date.now() - start };
  }
  throw new Error('nothing was thrown');
}

for (const [name, call] of Object.entries(CALLS)) {
  test(`${name}: process 1 that ignores killSignal is killed by SIGKILL after it`, async () => {
    const { error, ms } = await elapsed(() => call(first(), options));
    assert.is(error.code, 'ETIMEDOUT');
    assert.ok(ms >= 390 && ms < 20_000, `${ms} ms`);
  });

  test(`${name}: a program that obeys killSignal is left the time that it takes`, async () => {
    const slow = shell('trap "sleep 0.4; exit 0" TERM; while :; do sleep 0.02; done');
    const { ms } = await elapsed(() => call(slow, { ...options, forceKillAfter: 30_000 }));
    assert.ok(ms >= 590 && ms < 20_000, `${ms} ms`);
  });

  test(`${name}: the message of a timeout shows the command as its short display`, async () => {
    const command = new Command('/bin/sleep', ['60', '0']).arg0('/x/a name');
    const { error } = await elapsed(() => call(command, { ...options, timeout: 50 }));
    assert.is(error.message, '"a name" "60" "0" was ended after 50 ms (ETIMEDOUT)');
  });
}

test('an abort and spawn', async () => {
  const child = await first().spawn({ ...options, timeout: 300 });
  const start = Date.now();
  assert.is((await child.wait()).signal, 'SIGKILL');
  assert.ok(Date.now() - start < 20_000);
});

test('past maxBuffer', async () => {
  const loud = new Command('/bin/sh', ['-c', 'trap "" TERM; echo too much; while :; do sleep 0.1; done']);
  const limits = { killSignal: 'SIGTERM', forceKillAfter: 200, maxBuffer: 3 } as const;
  for (const call of [() => loud.output(limits), () => loud.outputSync(limits)]) {
    assert.is((await elapsed(call)).error.code, 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER');
  }
});

test('0 is at once', async () => {
  for (const call of [CALLS.status!, CALLS.statusSync!]) {
    const { ms } = await elapsed(() => call(first(), { ...options, forceKillAfter: 0 }));
    assert.ok(ms < 20_000, `${ms} ms`);
  }
});

for (const forceKillAfter of [false, Number.POSITIVE_INFINITY] as const) {
  test(`${forceKillAfter} is never`, async () => {
    const child = await first().spawn({ ...options, forceKillAfter });
    await new Promise(resolve => setTimeout(resolve, 800));
    assert.is(child.tryWait(), null);
    await child.kill();
    await child.wait();
  });
}

test('without it, SIGKILL comes after 5000 ms', async () => {
  for (const call of [CALLS.status!, CALLS.statusSync!]) {
    const { ms } = await elapsed(() => call(first(), { killSignal: 'SIGTERM', timeout: 100 } as Options));
    assert.ok(ms >= 5000 && ms < 40_000, `${ms} ms`);
  }
});

test('disposing of a child kills process 1 at once, whatever killSignal is', async () => {
  const child = await first().spawn({ killSignal: 'SIGTERM' });
  const start = Date.now();
  if (typeof Symbol.asyncDispose === 'symbol') await child[Symbol.asyncDispose]();
  else await child.kill();
  assert.is((await child.wait()).signal, 'SIGKILL');
  assert.ok(Date.now() - start < 4000);
});

test('what is no time is refused', async () => {
  for (const [value, type] of [
    [-1, RangeError],
    [Number.NaN, RangeError],
    [2 ** 31, RangeError],
    ['5', TypeError],
    [true, TypeError],
    [null, TypeError],
  ] as const) {
    const bad = { forceKillAfter: value as never };
    for (const call of [CALLS.status!, CALLS.output!, CALLS.statusSync!, CALLS.outputSync!]) {
      const { error } = await elapsed(() => call(new Command('/bin/true'), bad as never));
      assert.instance(error, type);
      assert.match(error.message, 'forceKillAfter');
    }
    assert.instance(await rejection(new Command('/bin/true').spawn(bad)), type);
  }
});

test.run();
