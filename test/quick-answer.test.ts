import * as assert from 'uvu/assert';
import { FrameDecoder } from '../client/protocol/codec';
import { quickAnswer } from '../client/protocol/quick-answer';
import { encodeStreamData } from '../client/protocol/stream-frame';
import { suite } from './harness';
import { unshare } from './messages';

import v1 = unshare.v1;

const test = suite('quick answers');

const USAGE = {
  userTimeUs: 2 ** 40,
  systemTimeUs: 127,
  maxResidentKib: 128,
  minorFaults: 16_383,
  majorFaults: 16_384,
  blocksIn: 1,
  blocksOut: 2,
  voluntarySwitches: 3,
  involuntarySwitches: 2 ** 48,
};

const FREQUENT: v1.ToClient.$Properties[] = [
  { spawned: {} },
  { spawned: { command: 1, pid: 4_194_304 } },
  { spawned: { command: 2 ** 32 - 1, pid: 2 ** 32 - 1 } },
  { died: {} },
  { died: { command: 7, exitStatus: {}, pid: 8 } },
  { died: { command: 7, exitStatus: { exitCode: 255 }, pid: 8 } },
  { died: { command: 7, exitStatus: { signal: 64, coreDumped: true, resourceUsage: {} }, pid: 8 } },
  { died: { command: 300, exitStatus: { exitCode: 1, resourceUsage: USAGE }, pid: 70_000 } },
];

for (const message of FREQUENT) {
  const bytes = encode(message);

  test(`${JSON.stringify(message)} is read as protobufjs reads it`, () => {
    assert.equal(plain(quickAnswer(bytes)!), plain(v1.ToClient.decode(bytes)));
  });

  test(`the beginnings of ${JSON.stringify(message)} are left to protobufjs`, () => {
    for (let length = 0; length < bytes.length; length += 1)
      assert.is(quickAnswer(bytes.subarray(0, length)), null);
  });
}

const OTHERS: Record<string, Uint8Array> = {
  nothing: Buffer.alloc(0),
  Hello: encode({ hello: { protocol: 1 } }),
  'Spawned with a pipe': encode({ spawned: { command: 1, pid: 2, pipes: [{ number: 1 }] } }),
  'two messages': Buffer.concat([encode({ spawned: { command: 1 } }), encode({ died: { command: 1 } })]),
  'a field twice': Buffer.of(0x12, 4, 0x08, 1, 0x08, 2),
  'fields out of order': Buffer.of(0x12, 4, 0x10, 1, 0x08, 2),
  'an unknown field': Buffer.of(0x12, 2, 0x78, 1),
  'another wire type': Buffer.of(0x12, 5, 0x0d, 0, 0, 0, 0),
  'a number beyond 32 bits': Buffer.of(0x12, 6, 0x08, 0x80, 0x80, 0x80, 0x80, 0x10),
  'a varint of eight bytes': Buffer.of(0x12, 9, 0x08, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x01),
  'a length behind the end': Buffer.of(0x22, 2, 0x12, 1),
};

for (const [name, bytes] of Object.entries(OTHERS)) {
  test(`${name} is left to protobufjs`, () => {
    assert.is(quickAnswer(bytes), null);
  });
}

/** As the helper writes it: numbers with a fixed size, and the bytes last. */
const STREAM_DATA = Buffer.of(
  ...[0x72, 0x95, 0x80, 0x00],
  ...[0x08, 0x87, 0x82, 0x80, 0x80, 0x00, 0x10, 0x83, 0x80, 0x00, 0x20, 0x01, 0x1a, 0x82, 0x80, 0x00],
  ...[0x68, 0x69],
);
STREAM_DATA[1] = 0x80 | (STREAM_DATA.length - 4);

test('StreamData is read as protobufjs reads it, and its beginnings are left to that', () => {
  assert.equal(plain(quickAnswer(STREAM_DATA)!), plain(v1.ToClient.decode(STREAM_DATA)));
  assert.equal(plain(quickAnswer(STREAM_DATA)!), { command: 263, stream: 3, end: true, data: [0x68, 0x69] });
  for (let length = 0; length < STREAM_DATA.length; length += 1) {
    assert.is(quickAnswer(STREAM_DATA.subarray(0, length)), null);
  }
});

test('StreamData to the helper means what protobufjs makes of it', () => {
  for (const end of [false, true]) {
    for (const size of [0, 1, 127, 128, 24_576]) {
      const data = Buffer.alloc(size, 'stream');
      const frame = encodeStreamData(2 ** 32 - 1, 300, data, end);
      const [body] = new FrameDecoder(64 * 1024).decode(frame);
      const { streamData } = v1.ToHelper.decode(body!);
      assert.equal([streamData!.command, streamData!.stream, streamData!.end], [2 ** 32 - 1, 300, end]);
      assert.ok(Buffer.from(streamData!.data!).equals(data));
    }
  }
});

test('what is read has the meaning that protobufjs gives it, for bytes of all kinds', () => {
  let read = 0;
  // Multiplicative noise, the same in each run.
  let state = 1;
  const random = (below: number) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
  for (let round = 0; round < 20_000; round += 1) {
    const bytes = Buffer.from(encode(FREQUENT[random(FREQUENT.length)]!));
    for (let change = random(3); change > 0 && bytes.length > 0; change -= 1) {
      bytes[random(bytes.length)] = random(256);
    }
    const answer = quickAnswer(bytes);
    if (answer === null) continue;
    read += 1;
    assert.equal(plain(answer), plain(v1.ToClient.decode(bytes)));
  }
  assert.ok(read > 5_000, String(read));
});

test.run();

function encode(message: v1.ToClient.$Properties): Uint8Array {
  return Buffer.from(v1.ToClient.encode(message).finish());
}

/** As plain objects with numbers, which say every default. */
function plain({ spawned, died, streamData }: v1.ToClient.$Properties): object {
  if (streamData) {
    const { command, stream, data, end } = streamData;
    return { command, stream, end, data: [...(data ?? [])] };
  }
  if (spawned) return { command: spawned.command, pid: spawned.pid, pipes: spawned.pipes };
  const { command, exitStatus, pid } = died!;
  const usage = exitStatus?.resourceUsage;
  return {
    command,
    pid,
    exitStatus: exitStatus && {
      exitCode: exitStatus.exitCode,
      signal: exitStatus.signal,
      coreDumped: exitStatus.coreDumped,
      resourceUsage: usage && Object.keys(USAGE).map(key => Number(usage[key as keyof typeof USAGE])),
    },
  };
}
