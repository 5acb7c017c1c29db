import { Readable } from 'stream';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { rejection, shell, sleep } from './support';

const test = suite('input of spawn');

test('text, bytes, a stream and a generator', async () => {
  async function* generate() {
    yield 'gen';
    await sleep(10);
    yield 'erated';
  }
  for (const [input, expected] of [
    ['text', 'text'],
    [Buffer.from('bytes'), 'bytes'],
    [Readable.from(['stre', 'am']), 'stream'],
    [generate(), 'generated'],
  ] as const) {
    const child = await new Command('/bin/cat').stdout('piped').spawn({ input });
    assert.is(child.stdin, null);
    assert.is(child.takePipeWriter(0), null);
    assert.is(await child.stdout!.text(), expected);
    assert.ok((await child.wait()).success);
  }
});

test('status takes it too', async () => {
  assert.ok((await shell('test "$(cat)" = text').status({ input: 'text' })).success);
});

test('a program that does not read on is no failure, and ends the source', async () => {
  let ended = false;
  async function* endless() {
    try {
      for (;;) {
        yield Buffer.alloc(65536);
        // Without a pause, Deno does nothing else.
        await sleep(1);
      }
    } finally {
      ended = true;
    }
  }
  const child = await shell('exit 3').spawn({ input: endless() });
  assert.is((await child.wait()).code, 3);
  for (let turns = 0; turns < 1000 && !ended; turns++) await sleep(5);
  assert.ok(ended);
});

test('a source that fails ends the program, and wait rejects with its error', async () => {
  async function* failing() {
    yield 'some';
    await sleep(50);
    throw new Error('no more');
  }
  const child = await new Command('/bin/cat').stdout('null').spawn({ input: failing() });
  assert.is((await rejection(child.wait())).message, 'no more');
  assert.throws(() => child.tryWait(), 'no more');
  assert.is((await rejection(shell('exec cat >/dev/null').status({ input: failing() }))).message, 'no more');
});

test('stdin that is set to something else is a TypeError', async () => {
  assert.instance(await rejection(new Command('/bin/cat').stdin('null').spawn({ input: 'x' })), TypeError);
  assert.instance(await rejection(new Command('/bin/cat').spawn({ input: 5 as never })), TypeError);
});

test.run();
