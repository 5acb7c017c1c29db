import * as assert from 'uvu/assert';
import { UnshareError } from '../../client/error/error';
import { Channel, type CommandEvents } from '../../client/protocol/channel';
import { encodeFrame, encodeVarint, FrameDecoder } from '../../client/protocol/codec';
import { PROTOCOL, VERSION } from '../../client/version';
import { unshare } from '../messages';
import type { Dice } from './dice';
import { mutate, pieces } from './mutate';
import { randomEnvelope, typeOf } from './random-message';
import type { Target } from './target';

import v1 = unshare.v1;

/*
 * The client's end of the conversation (client/channel.ts, codec.ts, messages) with a helper that sends what it may, what it
 * may not, and what is no message. Whatever comes: nothing is thrown, everything that is pending settles, and once; what may
 * come is taken.
 */

const ToClient = typeOf('ToClient');

export const channel: Target = {
  name: 'channel',
  batch: 100,
  execute: async dices => {
    const conversations = dices.map(dice => new Conversation(dice));
    for (const conversation of conversations) conversation.hold();
    await settling();
    for (const conversation of conversations) conversation.expectSettled();
  },
};

/** Plays the bytes of a corpus file against a channel that has asked for one of everything. */
export async function playBytes(bytes: Uint8Array, dice: Dice): Promise<void> {
  const conversation = new Conversation(dice);
  conversation.ask(false);
  conversation.ask(true);
  conversation.askMore();
  conversation.receive(bytes);
  conversation.finish();
  await settling();
  conversation.expectSettled();
}

/** What is settled is told in the same turn of the event loop. */
function settling(): Promise<unknown> {
  return new Promise(setImmediate);
}

interface Asked {
  number: number;
  freeze: boolean;
  seen: string[];
  /** As the helper of this conversation knows it. */
  progress: 'asked' | 'frozen' | 'unfrozen' | 'running' | 'over';
}

const LAST = ['failed', 'withdrawn', 'died', 'lost'];

class Conversation {
  private readonly dice: Dice;
  private readonly channel: Channel;
  private readonly decoder = new FrameDecoder(2 ** 24);
  private readonly asked: Asked[] = [];
  private readonly promises: Promise<unknown>[] = [];
  private readonly requests: { kind: 'signal' | 'reap'; request: number }[] = [];
  private greeted = false;
  /** The helper has sent what it may not. */
  private isSpoilt = false;
  private failure: UnshareError | null = null;
  private settled = 0;

  constructor(dice: Dice) {
    this.dice = dice;
    const ignored = () => {};
    this.channel = new Channel({
      path: '/helper',
      orphans: dice.oneIn(2) ? { stopped: ignored, continued: ignored, died: ignored } : null,
      write: bytes => this.take(bytes),
      failed: error => {
        assert.is(this.failure, null, 'it fails once');
        assert.instance(error, UnshareError);
        this.failure = error;
      },
    });
  }

  hold(): void {
    for (let step = 2 + this.dice.upTo(20); step > 0; step -= 1) {
      if (this.dice.oneIn(2)) this.act();
      else this.answer();
      // Unless it is told not to, it takes what it is told.
      if (!this.isSpoilt) assert.is(this.failure, null, `it fails for nothing: ${this.failure?.message}`);
    }
    this.finish();
  }

  finish(): void {
    this.channel.fail(new UnshareError({ stage: 'Helper' }));
    for (const { seen } of this.asked) {
      assert.is(seen.filter(event => LAST.includes(event)).length, 1, `the end is told once: ${seen}`);
    }
  }

  expectSettled(): void {
    assert.is(this.settled, this.promises.length, 'every promise settles');
  }

  /** The client does something. */
  private act(): void {
    const one = this.asked.length > 0 ? this.dice.pick(this.asked).number : 1;
    switch (this.dice.below(6)) {
      case 0:
      case 1:
        this.ask(this.dice.oneIn(3));
        break;
      case 2:
        this.channel.unfreeze(one);
        break;
      case 3:
        this.channel.abort(one);
        break;
      case 4:
        this.channel.releasePipes(one);
        break;
      default:
        this.askMore();
    }
  }

  ask(freeze: boolean): void {
    if (this.failure !== null) return;
    const command: Asked = { number: 0, freeze, seen: [], progress: 'asked' };
    const tell = (event: string) => () => {
      assert.not.ok(
        command.seen.some(earlier => LAST.includes(earlier)),
        `${event} after the end`,
      );
      if (event === 'frozen') assert.ok(freeze && command.seen.length === 0, 'Frozen');
      if (event === 'spawned') assert.not.ok(command.seen.includes('spawned'), 'Spawned twice');
      if (event === 'died') assert.ok(command.seen.includes('spawned'), 'Died before Spawned');
      if (event === 'failed') assert.not.ok(command.seen.includes('spawned'), 'SpawnFailed after Spawned');
      command.seen.push(event);
    };
    const events: CommandEvents = {
      frozen: tell('frozen'),
      spawned: tell('spawned'),
      failed: tell('failed'),
      withdrawn: tell('withdrawn'),
      stopped: tell('stopped'),
      continued: tell('continued'),
      died: tell('died'),
      lost: tell('lost'),
    };
    const message = { program: Buffer.from('/a'), freeze };
    const lists = { descriptors: [], namespaces: [], joins: [], uidMaps: [], gidMaps: [], preExec: [] };
    command.number = this.channel.spawn({ ...message, ...lists }, events);
    this.asked.push(command);
  }

  askMore(): void {
    const settle = () => {
      this.settled += 1;
    };
    const wait = (promise: Promise<unknown>) => this.promises.push(promise.then(settle, settle));
    if (this.dice.oneIn(3)) wait(this.channel.greeting());
    wait(this.channel.signal(this.dice.upTo(this.asked.length), 9));
    wait(this.channel.reap());
  }

  /** What the client sends. */
  private take(bytes: Uint8Array): void {
    assert.is(this.failure, null, 'nothing is written after a failure');
    const bodies = [...this.decoder.decode(bytes)];
    assert.is(bodies.length, 1, 'a message is one write');
    const { signal, reap, unfreeze } = v1.ToHelper.decode(bodies[0]!);
    if (signal) this.requests.push({ kind: 'signal', request: signal.request! });
    if (reap) this.requests.push({ kind: 'reap', request: reap.request! });
    if (unfreeze) this.asked.find(({ number }) => number === unfreeze.command)!.progress = 'unfrozen';
  }

  /** The helper sends something. */
  private answer(): void {
    if (this.greeted && !this.isSpoilt && this.dice.oneIn(40)) {
      this.offend();
      return;
    }
    let message: v1.ToClient.$Properties | null;
    if (this.dice.oneIn(40)) {
      this.isSpoilt = true;
      message = randomEnvelope(this.dice, ToClient) as v1.ToClient.$Properties;
    } else message = this.right();
    if (message === null) return;
    let bytes: Buffer = encodeFrame(v1.ToClient.encode(message).finish());
    if (this.dice.oneIn(30)) {
      this.isSpoilt = true;
      bytes = this.dice.oneIn(4) ? this.dice.bytes() : mutate(this.dice, bytes);
    }
    this.receive(bytes);
  }

  /** Sends what ends the conversation. */
  private offend(): void {
    this.isSpoilt = true;
    const message = this.dice.oneIn(3) ? null : this.outOfTurn();
    // The length of more than a client takes is enough.
    const length = encodeVarint(2 ** 16 + 1 + this.dice.upTo(2 ** 34));
    this.receive(message === null ? Buffer.from(length) : encodeFrame(v1.ToClient.encode(message).finish()));
    assert.is(this.failure?.stage, 'Protocol', `what must not come is taken: ${JSON.stringify(message)}`);
  }

  /** A message that the helper may not send now. */
  private outOfTurn(): v1.ToClient.$Properties {
    if (this.asked.length === 0) return { hello: { protocol: PROTOCOL } };
    const { number: command, freeze, progress } = this.dice.pick(this.asked);
    const exitStatus = { exitCode: 1 };
    const news: v1.ToClient.$Properties[] = [
      { died: { command } },
      { stopped: { command, signal: 65 } },
      { died: { command, exitStatus: { signal: 65 } } },
      { reaped: { request: 2 ** 31 } },
      { signalResult: { request: 2 ** 31 } },
      { limitReached: {} },
    ];
    if (!(freeze && progress === 'asked')) news.push({ frozen: { command } });
    const runsNext = progress === 'unfrozen' || (!freeze && progress === 'asked');
    if (!runsNext) news.push({ spawned: { command } });
    if (progress === 'running' || progress === 'over') news.push({ spawnFailed: { command } });
    if (progress !== 'running') {
      news.push(
        { stopped: { command, signal: 19 } },
        { continued: { command } },
        { died: { command, exitStatus } },
      );
    }
    return this.dice.pick(news);
  }

  receive(bytes: Uint8Array): void {
    for (const piece of pieces(this.dice, bytes)) this.channel.receive(piece);
  }

  /** A message that the helper may send now. */
  private right(): v1.ToClient.$Properties | null {
    if (!this.greeted) {
      this.greeted = true;
      return { hello: { protocol: PROTOCOL, version: VERSION, pid: this.dice.uint32() } };
    }
    const request = this.dice.oneIn(2) ? this.requests.shift() : undefined;
    if (request?.kind === 'reap') return { reaped: { request: request.request } };
    if (request !== undefined)
      return { signalResult: { request: request.request, errno: this.dice.below(134) } };
    const living = this.asked.filter(({ progress }) => progress !== 'over');
    return living.length > 0 ? this.news(this.dice.pick(living)) : null;
  }

  private news(command: Asked): v1.ToClient.$Properties | null {
    const about = { command: command.number, pid: this.dice.uint32() };
    if (command.progress === 'running') {
      const signal = 1 + this.dice.below(64);
      if (this.dice.oneIn(3)) return { stopped: { ...about, signal } };
      if (this.dice.oneIn(2)) return { continued: about };
      command.progress = 'over';
      const status = this.dice.oneIn(2) ? { signal } : { exitCode: this.dice.below(256) };
      return { died: { ...about, exitStatus: { ...status, resourceUsage: {} } } };
    }
    if (this.dice.oneIn(3)) {
      command.progress = 'over';
      const stage = this.dice.below(22) as v1.Stage;
      return { spawnFailed: { command: command.number, stage, errno: this.dice.below(134), detail: 'd' } };
    }
    if (command.progress === 'frozen') return null;
    const isNext = command.freeze && command.progress === 'asked';
    command.progress = isNext ? 'frozen' : 'running';
    return isNext ? { frozen: about } : { spawned: { ...about, pipes: [] } };
  }
}
