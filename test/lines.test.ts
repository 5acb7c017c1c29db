import * as assert from 'uvu/assert';
import { LineSplitter, linesOf } from '../client/pipe/line-splitter';
import { suite } from './harness';
import { shell } from './support';

const test = suite('lines');

/** The lines of `bytes`, in pieces of this size. */
function inPieces(bytes: Buffer, size: number): string[] {
  const splitter = new LineSplitter();
  const lines: string[] = [];
  for (let at = 0; at < bytes.length; at += size) lines.push(...splitter.push(bytes.subarray(at, at + size)));
  return [...lines, ...splitter.end()];
}

test('the same lines, whatever pieces the text comes in', () => {
  const text = 'a\n\nb\r\n\r\nc\rd\r\r\né€𝄞\u2028x\u2029\n\0z';
  const expected = ['a', '', 'b', '', 'c', 'd', '', 'é€𝄞\u2028x\u2029', '\0z'];
  for (let size = 1; size < 12; size++) assert.equal(inPieces(Buffer.from(text), size), expected, `${size}`);
  assert.equal(linesOf(text), expected);
});

test('an end is no line of its own', () => {
  assert.equal(linesOf(''), []);
  assert.equal(linesOf('\n'), ['']);
  assert.equal(linesOf('a\n'), ['a']);
  assert.equal(linesOf('a\r'), ['a']);
  assert.equal(linesOf('a\n\n'), ['a', '']);
});

test('bytes that are no UTF-8 are replaced, also at the end', () => {
  assert.equal(inPieces(Buffer.from([0xff, 0x0a, 0xe2, 0x82]), 1), ['\ufffd', '\ufffd']);
});

test('a long line in small pieces takes no square time', () => {
  const piece = Buffer.alloc(1000, 'x');
  const splitter = new LineSplitter();
  for (let count = 0; count < 20_000; count++) assert.equal(splitter.push(piece), []);
  assert.is(splitter.end()[0]!.length, 20_000_000);
});

test('a pipe has its lines as they are written', async () => {
  const child = await shell('echo 1; printf "2\\r\\n3"; read x; echo; echo "$x"')
    .stdin('piped')
    .stdout('piped')
    .spawn();
  const lines: string[] = [];
  for await (const line of child.stdout!.lines()) {
    lines.push(line);
    if (line === '2') child.stdin!.end('4\n');
  }
  assert.equal(lines, ['1', '2', '3', '4']);
  assert.ok((await child.wait()).success);
});

test('leaving the loop closes the pipe', async () => {
  const child = await shell('exec yes').stdout('piped').spawn();
  for await (const line of child.stdout!.lines()) {
    assert.is(line, 'y');
    break;
  }
  assert.ok(child.stdout!.destroyed);
  assert.is((await child.wait()).signal, 'SIGPIPE');
});

test.run();
