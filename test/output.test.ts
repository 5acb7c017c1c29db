import { createHash } from 'crypto';
import { createReadStream, writeFileSync } from 'fs';
import * as path from 'path';
import { Readable } from 'stream';
import { Command, Helper, type OutputOptions } from 'unshare';
import * as assert from 'uvu/assert';
import { Controller } from './abort-controller';
import { suite } from './harness';
import { makeScratch } from './scratch';
import {
  childrenOf,
  descriptorsOf,
  exists,
  HELPER_AT_REST,
  openInHelper,
  rejection,
  runScript,
  shell,
  sleep,
  until,
} from './support';

const test = suite('output');

type LimitError = Error & { code: string; stdout: Buffer; stderr: Buffer };

const limited = async (promise: Promise<unknown>) => (await rejection(promise)) as unknown as LimitError;

test('input: text, bytes, a stream, a generator and an array', async () => {
  async function* generate() {
    yield 'gen';
    await sleep(10);
    yield Buffer.from('erated');
  }
  const inputs: [OutputOptions['input'], string][] = [
    ['téxt', 'téxt'],
    ['', ''],
    [Uint8Array.of(104, 105), 'hi'],
    [Readable.from(['stre', 'am']), 'stream'],
    [generate(), 'generated'],
    [['a', 'b'], 'ab'],
  ];
  for (const [input, expected] of inputs) {
    const { stdout, status } = await new Command('/bin/cat').output({ input: input! });
    assert.is(stdout.toString(), expected);
    assert.ok(status.success);
  }
});

test('input: much of it, through a file', async () => {
  const file = path.join(makeScratch(), 'large');
  const block = Buffer.alloc(50_000_000, 'some text that is not all the same\n');
  writeFileSync(file, block);
  const { stdout } = await new Command('/bin/cat').output({ input: createReadStream(file) });
  const hash = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
  assert.is(hash(stdout), hash(block));
});

test('input that the program does not read is no failure', async () => {
  for (const input of ['x'.repeat(1_000_000), Readable.from([Buffer.alloc(1_000_000), Buffer.alloc(10)])]) {
    const { stdout } = await shell('exec <&-; echo done').output({ input });
    assert.is(stdout.toString(), 'done\n');
  }
});

test('a source that never ends is destroyed when the program has ended', async () => {
  const source = new Readable({ read() {} });
  source.push('first');
  const { stdout } = await shell('head -c 5').output({ input: source });
  assert.is(stdout.toString(), 'first');
  await until('it is destroyed', () => source.destroyed);
});

test('a source that fails ends the program, and is the error', async () => {
  const failing = async function* () {
    yield 'start';
    await sleep(20);
    throw new Error('no more');
  };
  const breaking = () => {
    const stream = new Readable({ read() {} });
    setTimeout(() => stream.destroy(new Error('no more')), 100);
    return stream;
  };
  for (const make of [failing, breaking]) {
    const input = make();
    const helper = new Helper();
    const error = await rejection(shell('cat; sleep 100').output({ input, helper }));
    assert.is(error.message, 'no more');
    // Where the client cannot drive a pipe, a helper for that command only had it.
    await until('nothing is left', () => childrenOf(helper.pid ?? process.pid).length === 0);
    await helper.close();
  }
});

test('a source that fails before the program has started, too', async () => {
  const input = new Readable({ read() {} });
  const starting = shell('cat; sleep 100').beforeUnfreeze(() => sleep(200));
  const failure = rejection(starting.output({ input }));
  await sleep(20);
  input.destroy(new Error('no more'));
  assert.is((await failure).message, 'no more');
});

test('input where stdin is set to something else, or that is none, is a TypeError', async () => {
  const command = new Command('/bin/cat').stdin('null');
  assert.instance(await rejection(command.output({ input: 'x' })), TypeError);
  for (const input of [5, {}, null] as unknown as string[]) {
    const error = await rejection(new Command('/bin/cat').output({ input }));
    assert.instance(error, TypeError);
    assert.match(error.message, /^options\.input must be/);
  }
  const { stdout } = await new Command('/bin/cat').stdin('piped').output({ input: 'x' });
  assert.is(stdout.toString(), 'x');
});

test('options that are none are refused, by name', async () => {
  const wrong: [object, RegExp][] = [
    [{ timeout: '1' }, /options\.timeout/],
    [{ timeout: -1 }, /options\.timeout/],
    [{ timeout: Number.NaN }, /options\.timeout/],
    [{ timeout: 2 ** 31 }, /options\.timeout/],
    [{ maxBuffer: -1 }, /options\.maxBuffer/],
    [{ maxBuffer: '1' }, /options\.maxBuffer/],
    [{ killSignal: 'SIGNOPE' }, /SIGNOPE/],
    [{ killSignal: 65 }, /65/],
  ];
  for (const [options, message] of wrong) {
    const error = await rejection(new Command('/bin/true').output(options));
    assert.ok(error instanceof TypeError || error instanceof RangeError);
    assert.match(error.message, message);
  }
});

for (const stream of ['stdout', 'stderr'] as const) {
  const redirect = stream === 'stdout' ? '' : '>&2';

  test(`maxBuffer: as much on ${stream} is taken, and no more`, async () => {
    const exact = await shell(`printf 12345 ${redirect}`).output({ maxBuffer: 5 });
    assert.is(exact[stream].toString(), '12345');
    const error = await limited(shell(`printf 123456 ${redirect}; sleep 100`).output({ maxBuffer: 5 }));
    assert.equal([error.code, error.name], ['ERR_CHILD_PROCESS_STDIO_MAXBUFFER', 'RangeError']);
    assert.is(error.message, `${stream} maxBuffer length exceeded`);
    assert.is(error[stream].toString(), '12345');
  });
}

test('maxBuffer: 64 MiB where it is not set, and Infinity', async () => {
  const flood = (megabytes: number) => shell(`head -c ${megabytes * 1024 * 1024} /dev/zero`);
  assert.is((await flood(64).output()).stdout.length, 64 * 1024 * 1024);
  const error = await limited(flood(65).output());
  assert.equal([error.code, error.stdout.length], ['ERR_CHILD_PROCESS_STDIO_MAXBUFFER', 64 * 1024 * 1024]);
  assert.is((await flood(65).output({ maxBuffer: Infinity })).stdout.length, 65 * 1024 * 1024);
});

test('timeout: the error has what was read, and nothing is left', async () => {
  const helper = new Helper();
  const start = Date.now();
  const error = await limited(shell('echo out; echo err >&2; sleep 100').output({ timeout: 2000, helper }));
  assert.ok(Date.now() - start < 20_000);
  assert.equal([error.code, `${error.stdout}`, `${error.stderr}`], ['ETIMEDOUT', 'out\n', 'err\n']);
  assert.match(error.message, 'was ended after 2000 ms');
  assert.equal(childrenOf(helper.pid!), []);
  await until('no descriptor is left', () => openInHelper(helper.pid!).length === HELPER_AT_REST.length);
  await helper.close();
});

test('timeout: status rejects, and the child of spawn dies', async () => {
  assert.is((await limited(shell('sleep 100').status({ timeout: 50 }))).code, 'ETIMEDOUT');
  const child = await shell('sleep 100').spawn({ timeout: 50 });
  assert.is((await child.wait()).signal, 'SIGKILL');
});

test('timeout: before the program runs, spawn rejects', async () => {
  const frozen = new Command('/bin/true').beforeUnfreeze(() => new Promise(() => {}));
  for (const call of ['spawn', 'status', 'output'] as const) {
    const error = await limited(frozen[call]({ timeout: 50 }));
    assert.is(error.code, 'ETIMEDOUT');
  }
});

test('timeout: after the end it does nothing, and keeps no event loop alive', async () => {
  const { code, stdout, durationMs } = await runScript(`
    const command = new unshare.Command('/bin/true');
    (async () => {
      await command.status({ timeout: 100000 });
      await command.output({ timeout: 100000 });
      await (await command.spawn({ timeout: 100000 })).wait();
      await command.preExec([]).spawn({ timeout: 100000 }).then(child => child.wait());
      await new unshare.Command('/missing').spawn({ timeout: 100000 }).catch(() => {});
      console.log('done');
    })();`);
  assert.equal([code, stdout], [0, 'done\n']);
  assert.ok(durationMs < 10_000);
  const { status } = await shell('true').output({ timeout: 100 });
  await sleep(150);
  assert.ok(status.success);
});

test('killSignal: at a timeout, an abort and past maxBuffer, and it is waited for', async () => {
  const trap = shell('trap "echo trapped; exit 0" TERM; echo ready; while :; do sleep 0.02; done');
  const options = { killSignal: 'SIGTERM' } as const;
  const byTime = await limited(trap.output({ ...options, timeout: 300 }));
  assert.is(byTime.stdout.toString(), 'ready\ntrapped\n');
  const controller = new Controller();
  setTimeout(() => controller.abort(new Error('enough')), 300);
  const child = await trap.stdout('piped').spawn({ ...options, signal: controller });
  assert.is(await child.stdout!.text(), 'ready\ntrapped\n');
  assert.is((await child.wait()).code, 0);
  const bySize = shell('trap "exit 0" TERM; echo too much; while :; do sleep 0.02; done');
  assert.is((await limited(bySize.output({ ...options, maxBuffer: 3 }))).stdout.toString(), 'too');
});

test('timeout: what the program wrote last is not lost where the news of its end comes first', async () => {
  const helper = new Helper();
  const last = shell('trap "sleep 0.2; echo last; exit 0" TERM; echo ready; while :; do sleep 0.02; done');
  const error = limited(last.output({ helper, timeout: 300, killSignal: 'SIGTERM' }));
  await sleep(250);
  // Its end is in the control socket before the last line is in the pipe, so the socket is what is read first.
  const first = shell('sleep 0.1').status({ helper });
  await sleep(55);
  const until = Date.now() + 500;
  while (Date.now() < until);
  assert.is((await error).stdout.toString(), 'ready\nlast\n');
  await first;
  await helper.close();
});

for (const [what, options, code] of [
  ['timeout', { timeout: 200 }, 'ETIMEDOUT'],
  ['maxBuffer', { maxBuffer: 2 }, 'ERR_CHILD_PROCESS_STDIO_MAXBUFFER'],
] as const) {
  test(`${what}: a process that the program leaves behind, and that holds the pipes, is not waited for`, async () => {
    const start = Date.now();
    const error = await limited(shell('sleep 20 & echo $!; wait').output(options));
    assert.is(error.code, code);
    assert.ok(Date.now() - start < 15_000);
  });
}

test('without a limit, such a process is waited for, and its output is there', async () => {
  const { stdout } = await shell('(sleep 0.3; echo late) & echo early').output();
  assert.is(stdout.toString(), 'early\nlate\n');
});

test('timeout: also when only such a process is left', async () => {
  const error = await limited(shell('sleep 5 & echo early').output({ timeout: 2000 }));
  assert.equal([error.code, `${error.stdout}`], ['ETIMEDOUT', 'early\n']);
});

test('an abort keeps its reason as it is', async () => {
  const reason = Object.freeze(new Error('enough'));
  const controller = new Controller();
  setTimeout(() => controller.abort(reason), 50);
  assert.is(await rejection(shell('sleep 100').output({ signal: controller, timeout: 10_000 })), reason);
  assert.is(await rejection(shell('sleep 100').output({ signal: controller })), reason);
});

test('both pipes are drained at once', async () => {
  const { stdout, stderr } = await shell(
    'head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero; head -c 3000000 /dev/zero >&2',
  ).output();
  assert.equal([stdout.length, stderr.length], [3_000_000, 6_000_000]);
});

test('a program that was ended leaves nothing behind, however often', async () => {
  const helper = new Helper();
  await shell('true').status({ helper });
  const before = descriptorsOf(process.pid).size;
  const pids: number[] = [];
  for (let time = 0; time < 20; time += 1) {
    const error = await limited(shell('echo $$; exec sleep 100').output({ timeout: 30, helper, input: 'x' }));
    assert.is(error.code, 'ETIMEDOUT', error.stack);
    if (error.stdout.length > 0) pids.push(Number(error.stdout));
  }
  assert.ok(pids.every(pid => !exists(pid)));
  await until('no descriptor is left', () => descriptorsOf(process.pid).size <= before);
  await helper.close();
});

test.run();
