import { existsSync } from 'fs';
import * as path from 'path';
import type { Type } from 'protobufjs';
import * as assert from 'uvu/assert';
import { unshare as client } from '../../client/messages';
import { FrameDecoder } from '../../client/protocol/codec';
import { encodeSpawn } from '../../client/protocol/spawn-frame';
import { unshare } from '../messages';
import { packageRoot } from '../support';
import type { Dice } from './dice';
import { EchoProcess } from './echo';
import { mutate } from './mutate';
import { randomCommand } from './random-command';
import { meaning, type Plain, randomEnvelope, typeOf } from './random-message';
import type { Target } from './target';

/*
 * Random messages from the client's encoder through the helper's decoder and encoder to the client's decoder: what comes out is
 * what went in, field by field. The same for random bytes: where one side takes them for a message, so does the other.
 */

/** Made by `zig build fuzz`. */
export const helperFuzz = path.join(packageRoot, 'dist/test/fuzz/helper-fuzz');

const ToHelper = typeOf('ToHelper');
const ToClient = typeOf('ToClient');

let echo: EchoProcess | null = null;

export const roundTrip: Target = {
  name: 'round trip',
  unable: existsSync(helperFuzz) ? null : 'dist/test/fuzz/helper-fuzz is not built',
  batch: 300,
  async execute(dices) {
    echo ??= new EchoProcess(helperFuzz);
    const kinds = [messagesToHelper, messagesToClient, commands, odd];
    const groups = kinds.map((_, index) => dices.filter((_, at) => at % kinds.length === index));
    await Promise.all(kinds.map((kind, index) => kind(echo!, groups[index]!)));
  },
  async end() {
    echo?.end();
    echo = null;
  },
};

/** The whole of a frame that the client sends. */
function bodyOf(frame: Uint8Array): Uint8Array {
  return [...new FrameDecoder(2 ** 24).decode(frame)][0]!;
}

/** What came back, which has its length before it. */
async function echoed(
  process: EchoProcess,
  kind: 'ToHelper' | 'ToClient',
  bodies: readonly Uint8Array[],
): Promise<Uint8Array[]> {
  const answers = await process.echo(kind, bodies);
  return answers.map((answer, index) => {
    if ('error' in answer) throw new Error(`${answer.error}: ${Buffer.from(bodies[index]!).toString('hex')}`);
    return bodyOf(answer.message);
  });
}

function same(type: Type, found: unknown, expected: unknown): void {
  assert.equal(meaning(type, found as Plain), meaning(type, expected as Plain));
}

async function messagesToHelper(process: EchoProcess, dices: readonly Dice[]): Promise<void> {
  const sent = dices.map(dice => randomEnvelope(dice, ToHelper) as client.v1.ToHelper.$Properties);
  const bodies = sent.map(message =>
    message.spawn ? bodyOf(encodeSpawn(message.spawn)) : client.v1.ToHelper.encode(message).finish(),
  );
  const back = await echoed(process, 'ToHelper', bodies);
  back.forEach((body, index) => {
    same(ToHelper, unshare.v1.ToHelper.decode(body), sent[index]);
  });
}

async function messagesToClient(process: EchoProcess, dices: readonly Dice[]): Promise<void> {
  const sent = dices.map(dice => randomEnvelope(dice, ToClient) as unshare.v1.ToClient.$Properties);
  const back = await echoed(
    process,
    'ToClient',
    sent.map(message => unshare.v1.ToClient.encode(message).finish()),
  );
  back.forEach((body, index) => {
    same(ToClient, client.v1.ToClient.decode(body), sent[index]);
  });
}

/** From the methods of Command on. */
async function commands(process: EchoProcess, dices: readonly Dice[]): Promise<void> {
  const made = await Promise.all(dices.map(dice => randomCommand(dice)));
  const back = await echoed(
    process,
    'ToHelper',
    made.map(({ message }) => bodyOf(encodeSpawn(message))),
  );
  back.forEach((body, index) => {
    same(ToHelper, unshare.v1.ToHelper.decode(body), { spawn: made[index]!.expected });
  });
}

/** Null where protobufjs is the stricter one: in strings that are no UTF-8, which the helper does not look at. */
function tryDecode(body: Uint8Array): Plain | null {
  try {
    return unshare.v1.ToHelper.decode(body) as Plain;
  } catch {
    return null;
  }
}

/** Bytes that are hardly a message. protobufjs takes more than the helper, which is to take nothing else. */
async function odd(process: EchoProcess, dices: readonly Dice[]): Promise<void> {
  const bodies = dices.map(dice =>
    mutate(dice, Buffer.from(ToHelper.encode(randomEnvelope(dice, ToHelper)).finish())),
  );
  const answers = await process.echo('ToHelper', bodies);
  answers.forEach((answer, index) => {
    if ('error' in answer) return;
    const body = bodies[index]!;
    const message = tryDecode(body);
    if (message === null) return;
    // Where there is another way to say the same, protobufjs may have kept more or less of it.
    if (Object.keys(message).length !== 1 || !Buffer.from(ToHelper.encode(message).finish()).equals(body))
      return;
    same(ToHelper, unshare.v1.ToHelper.decode(bodyOf(answer.message)), message);
  });
}
