import * as assert from 'uvu/assert';
import { encodeFrame, FrameDecoder, type FrameError } from '../client/protocol/codec';
import { suite } from './harness';

const test = suite('codec');

/** Bodies on both sides of every length at which the varint grows. */
const SIZES = [0, 1, 0x7f, 0x80, 0x3fff, 0x4000];
const BODY_MAX = 0x4000;

test('a body is preceded by its length as a varint', () => {
  assert.equal([...encodeFrame(Buffer.alloc(300)).subarray(0, 2)], [0xac, 0x02]);
});

test('an empty body is a frame', () => {
  assert.equal([...encodeFrame(Buffer.alloc(0))], [0]);
});

for (const size of SIZES) {
  test(`a body of ${size} bytes comes back from one piece`, () => {
    assert.equal(decodeAll([encodeFrame(body(size))]), [body(size)]);
  });

  test(`a body of ${size} bytes comes back from single bytes`, () => {
    assert.equal(decodeAll(singleBytes(encodeFrame(body(size)))), [body(size)]);
  });
}

test('frames in one piece come back in order', () => {
  const frames = SIZES.map(size => encodeFrame(body(size)));
  assert.equal(decodeAll([Buffer.concat(frames)]), SIZES.map(body));
});

test('frames come back from pieces that are cut anywhere', () => {
  const stream = Buffer.concat([3, 200, 0, 5].map(size => encodeFrame(body(size))));
  for (let cut = 0; cut <= stream.length; cut += 1) {
    assert.equal(decodeAll([stream.subarray(0, cut), stream.subarray(cut)]), [3, 200, 0, 5].map(body));
  }
});

test('an unfinished frame yields nothing', () => {
  assert.equal(decodeAll([encodeFrame(body(10)).subarray(0, 10)]), []);
});

test('a body above the limit is refused at its length', () => {
  assert.is(refusal([encodeFrame(body(BODY_MAX + 1)).subarray(0, 3)]), 'FrameTooLong');
});

test('a length that does not end is refused', () => {
  assert.is(refusal(singleBytes(Buffer.alloc(5, 0xff))), 'VarintTooLong');
});

test('a length beyond 32 bits is refused, not wrapped', () => {
  assert.is(refusal([Buffer.of(0x80, 0x80, 0x80, 0x80, 0x10)]), 'FrameTooLong');
});

test('frames before a refused one are yielded', () => {
  const seen: Uint8Array[] = [];
  const stream = Buffer.concat([encodeFrame(body(3)), Buffer.alloc(5, 0xff)]);
  assert.throws(() => {
    for (const frame of new FrameDecoder(BODY_MAX).decode(stream)) seen.push(frame);
  });
  assert.equal(seen, [body(3)]);
});

test.run();

function body(size: number): Buffer {
  return Buffer.from(Array.from({ length: size }, (_, index) => index % 251));
}

function singleBytes(stream: Buffer): Buffer[] {
  return [...stream].map(byte => Buffer.of(byte));
}

function decodeAll(pieces: Buffer[]): Buffer[] {
  const decoder = new FrameDecoder(BODY_MAX);
  return pieces.flatMap(piece => [...decoder.decode(piece)].map(frame => Buffer.from(frame)));
}

function refusal(pieces: Buffer[]): FrameError['name'] | null {
  try {
    decodeAll(pieces);
  } catch (error) {
    return (error as FrameError).name;
  }
  return null;
}
