import { Readable } from 'stream';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { createContext, runInContext } from 'vm';
import type { Input } from '../client/command/input';
import { gather } from '../client/pipe/gather';
import { suite } from './harness';
import { rejection, shell } from './support';

const test = suite('input');

const cat = () => new Command('/bin/cat');

/** What code makes in a realm of its own, as test runners run it. */
function fromOtherRealm<T>(code: string): T {
  return runInContext(code, createContext({}));
}

test('chunks that are no bytes: a TypeError that names the chunk, and the program is ended', async () => {
  const inputs: [unknown, string][] = [
    [Readable.from([{ a: 1 }]), 'chunk 0 of options.input must be a string or bytes, not of the type object'],
    [Readable.from(['a', 2]), 'chunk 1 of options.input must be a string or bytes, not of the type number'],
    [['a', undefined], 'chunk 1 of options.input must be a string or bytes, not of the type undefined'],
    [[1, 2, 3], 'chunk 0 of options.input must be a string or bytes, not of the type number'],
  ];
  for (const [input, message] of inputs) {
    const error = await rejection(shell('cat; sleep 60').output({ input: input as Input }));
    assert.instance(error, TypeError);
    assert.is(error.message, message);
  }
});

test('bytes of every kind, also of another realm', async () => {
  const words = Uint16Array.of(0x6161, 0x6262, 0x6363);
  const inputs: Input[] = [
    words.subarray(1),
    new DataView(words.buffer, 2),
    fromOtherRealm<Uint8Array>('new Uint8Array([98, 98, 99, 99])'),
    [fromOtherRealm<Uint8Array>('new Uint8Array([98, 98])'), 'cc'],
    fromOtherRealm<string[]>('["bb", new Uint8Array([99, 99])]'),
  ];
  for (const input of inputs) assert.is(`${(await cat().output({ input })).stdout}`, 'bbcc');
  for (const input of inputs.slice(0, 3) as Uint8Array[]) {
    assert.is(`${cat().outputSync({ input }).stdout}`, 'bbcc');
  }
  const echo = new Command('/bin/echo').arg(fromOtherRealm<Uint8Array>('new Uint8Array([97])'));
  assert.is(`${(await echo.output()).stdout}`, 'a\n');
});

test('what is no input: a TypeError at once', async () => {
  for (const input of [5, {}, null, new ArrayBuffer(1)] as unknown as string[]) {
    assert.instance(await rejection(cat().output({ input })), TypeError);
    assert.throws(
      () => cat().outputSync({ input }),
      (error: Error) => error instanceof TypeError,
    );
  }
  assert.throws(() => cat().arg(Uint16Array.of(97) as unknown as string), /argument must be/);
});

test('errors of another realm keep their message', async () => {
  const thrown = fromOtherRealm<Error>('new Error("from elsewhere")');
  const command = cat().beforeUnfreeze(() => {
    throw thrown;
  });
  const error = await rejection(command.status());
  assert.match(error.message, 'from elsewhere');
  assert.is(error.cause, thrown);
});

test('many small writes arrive in order, whatever they are', async () => {
  const child = await cat().stdin('piped').stdout('piped').spawn();
  let expected = '';
  for (let index = 0; index < 20_000; index++) {
    const text = `${index}é,`;
    expected += text;
    if (index % 3 === 0) child.stdin!.write(Buffer.from(text));
    else if (index % 3 === 1) child.stdin!.write(text);
    else child.stdin!.write(Buffer.from(text).toString('hex'), 'hex');
    if (index === 5000) child.stdin!.cork();
    if (index === 15_000) child.stdin!.uncork();
  }
  child.stdin!.end();
  assert.is(await child.stdout!.text(), expected);
  assert.ok((await child.wait()).success);
});

test('a program that ends early: what is written fails with EPIPE', async () => {
  const child = await new Command('/bin/true').stdin('piped').spawn();
  await child.wait();
  const failed = new Promise(resolve => child.stdin!.once('error', resolve));
  for (let index = 0; index < 3; index++) child.stdin!.write('x');
  assert.is(((await failed) as NodeJS.ErrnoException).code, 'EPIPE');
});

test('small chunks become blocks, large ones are not copied, and half characters stay halves', () => {
  const small = { chunk: Buffer.alloc(1000, 'a'), encoding: 'buffer' as BufferEncoding };
  const large = { chunk: Buffer.alloc(100_000, 'b'), encoding: 'buffer' as BufferEncoding };
  const blocks = [...gather([...new Array(100).fill(small), large, small])];
  assert.equal(
    blocks.map(block => block.length),
    [66_000, 34_000, 100_000, 1000],
  );
  assert.is(blocks[2], large.chunk);
  const halves = ['\ud83d', '\ude00', 'é', ''].map(chunk => ({ chunk, encoding: 'utf8' as const }));
  assert.is(Buffer.concat([...gather(halves)]).toString(), '\ufffd\ufffdé');
});

test.run();
