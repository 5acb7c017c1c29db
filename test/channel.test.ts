import { readFileSync } from 'fs';
import { join } from 'path';
import * as assert from 'uvu/assert';
import { UnshareError } from '../client/error/error';
import { Channel, type CommandEvents } from '../client/protocol/channel';
import { encodeFrame, FrameDecoder } from '../client/protocol/codec';
import { LAUNCHES_MAX, TURN_MS } from '../client/protocol/launch-window';
import { MESSAGE_OUT_MAX } from '../client/protocol/spawn-frame';
import type { SpawnMessage } from '../client/protocol/spawn-message';
import { PROTOCOL, VERSION } from '../client/version';
import { suite } from './harness';
import { unshare } from './messages';
import { sleep } from './support';

import v1 = unshare.v1;

const test = suite('channel');

const HELLO = { hello: { protocol: PROTOCOL, version: VERSION } };

test('the version is that of the package', () => {
  const manifest = readFileSync(join(__dirname, '../../package.json'), 'utf8');
  assert.is(VERSION, JSON.parse(manifest).version);
});

test('Hello is the first message, and does not wait for that of the helper', () => {
  const { sent } = connect();
  assert.equal(sent()[0]?.hello?.protocol, PROTOCOL);
});

test('each message is one write', () => {
  const { channel, writes } = connect();
  channel.spawn(command(), recorder().events);
  assert.is(writes.length, 2);
});

test('commands are numbered', () => {
  const { channel } = connect();
  const numbers = [channel.spawn(command(), recorder().events), channel.spawn(command(), recorder().events)];
  assert.equal(numbers, [1, 2]);
});

test('Spawned and Died reach their command', () => {
  const { channel, receive } = connect(HELLO);
  const [first, second] = [recorder(), recorder()];
  channel.spawn(command(), first.events);
  channel.spawn(command(), second.events);
  receive({ spawned: { command: 2 } }, { died: { command: 2, exitStatus: {} } });
  assert.equal([first.seen, second.seen], [[], ['spawned', 'died']]);
});

test('SpawnFailed reaches its command', () => {
  const { channel, receive } = connect(HELLO);
  const { events, seen } = recorder();
  channel.spawn(command(), events);
  receive({ spawnFailed: { command: 1, stage: v1.Stage.STAGE_EXEC } });
  assert.equal(seen, ['failed']);
});

test('messages are understood from single bytes', () => {
  const { channel, receiveBytes } = connect();
  const { events, seen } = recorder();
  channel.spawn(command(), events);
  const stream = Buffer.concat([
    frame(HELLO),
    frame({ spawned: { command: 1 } }),
    frame({ died: { command: 1, exitStatus: {} } }),
  ]);
  for (const byte of stream) receiveBytes(Buffer.of(byte));
  assert.equal(seen, ['spawned', 'died']);
});

test('a signal resolves with its error number', async () => {
  const { channel, receive } = connect(HELLO);
  const result = channel.signal(1, 9);
  receive({ signalResult: { request: 1, errno: 3 } });
  assert.is(await result, 3);
});

test('a message that is too large is refused at the stage Limit', () => {
  const { channel } = connect();
  const large = { ...command(), arguments: [Buffer.alloc(MESSAGE_OUT_MAX)] };
  assert.throws(
    () => channel.spawn(large, recorder().events),
    (error: UnshareError) => error.stage === 'Limit',
  );
});

test('another protocol is an error with both versions and the path', () => {
  const { failure } = connect({ hello: { protocol: PROTOCOL + 1, version: '9.8.7' } });
  assert.is(
    failure()?.message,
    `the helper "/helper" is of version 9.8.7 (protocol ${PROTOCOL + 1}): ` +
      `the client is of version ${VERSION} (protocol ${PROTOCOL})`,
  );
});

test('another protocol is of the stage Helper', () => {
  assert.is(connect({ hello: { protocol: 0 } }).failure()?.stage, 'Helper');
});

test('a refusal by the helper is told by its name', () => {
  const { failure } = connect(HELLO, { protocolError: { name: 'VarintTooLong' } });
  assert.match(failure()?.message ?? '', 'VarintTooLong');
});

const VIOLATIONS: { [name: string]: v1.ToClient.$Properties[] } = {
  'a first message that is not Hello': [{ spawned: { command: 1 } }],
  'a second Hello': [HELLO, HELLO],
  'an empty message': [HELLO, {}],
  'Spawned for an unknown command': [HELLO, { spawned: { command: 7 } }],
  'a second Spawned': [HELLO, { spawned: { command: 1 } }, { spawned: { command: 1 } }],
  'SpawnFailed for an unknown command': [HELLO, { spawnFailed: { command: 7 } }],
  'SpawnFailed after Spawned': [HELLO, { spawned: { command: 1 } }, { spawnFailed: { command: 1 } }],
  'Died for an unknown command': [HELLO, { died: { command: 7 } }],
  'Died before Spawned': [HELLO, { died: { command: 1 } }],
  'a second Died': [
    HELLO,
    { spawned: { command: 1 } },
    { died: { command: 1, exitStatus: {} } },
    { died: { command: 1, exitStatus: {} } },
  ],
  'Died without a status': [HELLO, { spawned: { command: 1 } }, { died: { command: 1 } }],
  'Died with an impossible status': [
    HELLO,
    { spawned: { command: 1 } },
    { died: { command: 1, exitStatus: { exitCode: 256 } } },
  ],
  'Died with an impossible signal': [
    HELLO,
    { spawned: { command: 1 } },
    { died: { command: 1, exitStatus: { signal: 65 } } },
  ],
  'SpawnFailed with an impossible signal': [HELLO, { spawnFailed: { command: 1, signal: 65 } }],
  'SpawnFailed with an impossible status': [
    HELLO,
    { spawnFailed: { command: 1, exitStatus: { exitCode: 256 } } },
  ],
  'Frozen for an unknown command': [HELLO, { frozen: { command: 7 } }],
  'Frozen that was not asked for': [HELLO, { frozen: { command: 1 } }],
  'Frozen after Spawned': [HELLO, { spawned: { command: 1 } }, { frozen: { command: 1 } }],
  'SignalResult for an unknown request': [HELLO, { signalResult: { request: 7 } }],
  'Stopped for an unknown command': [HELLO, { stopped: { command: 7, signal: 19 } }],
  'Stopped before Spawned': [HELLO, { stopped: { command: 1, signal: 19 } }],
  'Stopped without a signal': [HELLO, { spawned: { command: 1 } }, { stopped: { command: 1 } }],
  'Stopped by an impossible signal': [
    HELLO,
    { spawned: { command: 1 } },
    { stopped: { command: 1, signal: 65 } },
  ],
  'Continued for an unknown command': [HELLO, { continued: { command: 7 } }],
  'Continued before Spawned': [HELLO, { continued: { command: 1 } }],
  'Stopped of an orphan that was not to be adopted': [HELLO, { stopped: { pid: 9, signal: 19 } }],
  'Continued of an orphan that was not to be adopted': [HELLO, { continued: { pid: 9 } }],
  'Died of an orphan that was not to be adopted': [HELLO, { died: { pid: 9, exitStatus: {} } }],
  'Died of an orphan without a status': [HELLO, { died: { pid: 9 } }],
  'Reaped for an unknown request': [HELLO, { reaped: { request: 7 } }],
  LimitReached: [HELLO, { limitReached: { limit: 1 } }],
};

for (const [name, messages] of Object.entries(VIOLATIONS)) {
  test(`${name} fails at the stage Protocol`, () => {
    const { channel, receive, failure } = connect();
    channel.spawn(command(), recorder().events);
    receive(...messages);
    assert.is(failure()?.stage, 'Protocol');
  });
}

const FREEZE_VIOLATIONS: { [name: string]: v1.ToClient.$Properties[] } = {
  'a second Frozen': [HELLO, { frozen: { command: 1 } }, { frozen: { command: 1 } }],
  'Spawned where Frozen was due': [HELLO, { spawned: { command: 1 } }],
  'Spawned before Unfreeze': [HELLO, { frozen: { command: 1 } }, { spawned: { command: 1 } }],
  'Died of a frozen command': [HELLO, { frozen: { command: 1 } }, { died: { command: 1, exitStatus: {} } }],
};

for (const [name, messages] of Object.entries(FREEZE_VIOLATIONS)) {
  test(`${name} fails at the stage Protocol`, () => {
    const { channel, receive, failure } = connect();
    channel.spawn(freezing(), recorder().events);
    receive(...messages);
    assert.is(failure()?.stage, 'Protocol');
  });
}

test('a second Frozen after Unfreeze fails at the stage Protocol', () => {
  const { channel, receive, failure } = connect(HELLO);
  channel.spawn(freezing(), recorder().events);
  receive({ frozen: { command: 1 } });
  channel.unfreeze(1);
  receive({ frozen: { command: 1 } });
  assert.is(failure()?.stage, 'Protocol');
});

test('Frozen, Spawned and Died reach a command that was to be frozen', () => {
  const { channel, receive } = connect(HELLO);
  const { events, seen } = recorder();
  channel.spawn(freezing(), events);
  receive({ frozen: { command: 1, pid: 5 } });
  channel.unfreeze(1);
  receive({ spawned: { command: 1 } }, { died: { command: 1, exitStatus: {} } });
  assert.equal(seen, ['frozen', 'spawned', 'died']);
});

test('SpawnFailed reaches a command before and after Frozen', () => {
  const { channel, receive } = connect(HELLO);
  const [first, second] = [recorder(), recorder()];
  channel.spawn(freezing(), first.events);
  channel.spawn(freezing(), second.events);
  receive({ spawnFailed: { command: 1 } }, { frozen: { command: 2 } }, { spawnFailed: { command: 2 } });
  assert.equal([first.seen, second.seen], [['failed'], ['frozen', 'failed']]);
});

test('Unfreeze is sent once, and to a frozen command only', () => {
  const { channel, receive, sent } = connect(HELLO);
  channel.spawn(freezing(), recorder().events);
  channel.unfreeze(1);
  receive({ frozen: { command: 1 } });
  channel.unfreeze(1);
  channel.unfreeze(1);
  assert.equal(kinds(sent()), ['hello', 'spawn', 'unfreeze']);
});

test('Abort is sent to a command that does not run yet', () => {
  const { channel, receive, sent } = connect(HELLO);
  channel.spawn(freezing(), recorder().events);
  channel.abort(1);
  receive({ frozen: { command: 1 } });
  channel.abort(1);
  assert.equal(kinds(sent()), ['hello', 'spawn', 'abort', 'abort']);
});

test('Abort is sent to no command that runs, has failed or is not known', () => {
  const { channel, receive, sent } = connect(HELLO);
  channel.spawn(command(), recorder().events);
  channel.spawn(command(), recorder().events);
  receive({ spawned: { command: 1 } }, { spawnFailed: { command: 2 } });
  for (const number of [1, 2, 3]) channel.abort(number);
  assert.equal(kinds(sent()), ['hello', 'spawn', 'spawn']);
});

for (const answer of ['frozen', 'spawned', 'spawnFailed'] as const) {
  test(`past so many that are on their way, Spawn is sent when one is told ${answer}`, () => {
    const { channel, receive, sent } = connect(HELLO);
    const message = answer === 'frozen' ? freezing() : command();
    for (let i = 0; i <= LAUNCHES_MAX; i += 1) channel.spawn({ ...message }, recorder().events);
    assert.is(sent().length, 1 + LAUNCHES_MAX);
    receive({ [answer]: { command: 7 } });
    assert.is(sent().length, 2 + LAUNCHES_MAX);
  });
}

test('a command that waits for its turn is withdrawn by Abort, and the helper hears nothing of it', () => {
  const { channel, receive, sent } = connect(HELLO);
  for (let i = 0; i < LAUNCHES_MAX; i += 1) channel.spawn(command(), recorder().events);
  const { events, seen } = recorder();
  channel.abort(channel.spawn(command(), events));
  receive({ spawned: { command: 7 } });
  assert.equal(seen, ['withdrawn']);
  assert.is(sent().length, 1 + LAUNCHES_MAX);
});

test('commands that wait for their turn are lost with the helper, and not sent any more', async () => {
  const { channel, sent } = connect(HELLO);
  for (let i = 0; i < LAUNCHES_MAX; i += 1) channel.spawn(command(), recorder().events);
  const { events, seen } = recorder();
  channel.spawn(command(), events);
  channel.fail(new UnshareError({ stage: 'Helper' }));
  assert.equal(seen, ['lost']);
  await sleep(8 * TURN_MS);
  assert.is(sent().length, 1 + LAUNCHES_MAX);
});

test('commands that wait for their turn fail by Retire, and are not sent any more', () => {
  const { channel, sent } = connect(HELLO);
  for (let i = 0; i < LAUNCHES_MAX; i += 1) channel.spawn(command(), recorder().events);
  const { events, seen } = recorder();
  for (let i = 0; i < 20_000; i += 1) channel.spawn(command(), events);
  channel.retire();
  assert.equal(kinds(sent()).slice(LAUNCHES_MAX), ['spawn', 'retire']);
  assert.is(seen.filter(what => what === 'failed').length, 20_000);
});

test('bytes that are no message fail at the stage Protocol', () => {
  const { receiveBytes, failure } = connect(HELLO);
  receiveBytes(encodeFrame(Buffer.of(0x0a, 0x7f)));
  assert.is(failure()?.stage, 'Protocol');
});

test('bytes that are no frame fail at the stage Protocol', () => {
  const { receiveBytes, failure } = connect(HELLO);
  receiveBytes(Buffer.alloc(8, 0xff));
  assert.is(failure()?.stage, 'Protocol');
});

test('random bytes settle everything, and throw nothing', () => {
  for (let seed = 1; seed <= 500; seed += 1) {
    const { channel, receiveBytes } = connect(HELLO);
    const { events, seen } = recorder();
    channel.spawn(command(), events);
    receiveBytes(randomBytes(seed));
    channel.fail(new UnshareError({ stage: 'Helper' }));
    assert.is(seen.filter(event => event !== 'spawned').length, 1, `seed ${seed}`);
  }
});

test('an UnshareError of an observer ends the conversation', () => {
  const { channel, receive, failure } = connect(HELLO);
  const error = new UnshareError({ stage: 'Protocol' });
  const { events, seen } = recorder();
  channel.spawn(command(), {
    ...events,
    spawned() {
      throw error;
    },
  });
  receive({ spawned: { command: 1 } });
  assert.equal([failure(), seen], [error, ['lost']]);
});

test('a failure tells every command once', () => {
  const { channel, receive } = connect(HELLO);
  const [starting, running] = [recorder(), recorder()];
  channel.spawn(command(), starting.events);
  channel.spawn(command(), running.events);
  receive({ spawned: { command: 2 } });
  channel.fail(new UnshareError({ stage: 'Helper' }));
  channel.fail(new UnshareError({ stage: 'Helper' }));
  assert.equal([starting.seen, running.seen], [['lost'], ['spawned', 'lost']]);
});

test('a failure tells no command that has ended', () => {
  const { channel, receive } = connect(HELLO);
  const { events, seen } = recorder();
  channel.spawn(command(), events);
  receive({ spawned: { command: 1 } }, { died: { command: 1, exitStatus: {} } });
  channel.fail(new UnshareError({ stage: 'Helper' }));
  assert.equal(seen, ['spawned', 'died']);
});

test('a failure rejects pending signals', async () => {
  const { channel } = connect(HELLO);
  const error = new UnshareError({ stage: 'Helper' });
  const result = channel.signal(1, 9).catch(reason => reason);
  channel.fail(error);
  assert.is(await result, error);
});

test('signals after a failure reject with it', async () => {
  const { channel } = connect(HELLO);
  const error = new UnshareError({ stage: 'Helper' });
  channel.fail(error);
  assert.is(await channel.signal(1, 9).catch(reason => reason), error);
});

test('nothing is written after a failure', () => {
  const { channel, writes } = connect(HELLO);
  channel.fail(new UnshareError({ stage: 'Helper' }));
  channel.releasePipes(1);
  channel.unfreeze(1);
  channel.abort(1);
  assert.is(writes.length, 1);
});

test('Stopped and Continued reach their command', () => {
  const { channel, receive } = connect(HELLO);
  const { events, seen } = recorder();
  channel.spawn(command(), events);
  receive(
    { spawned: { command: 1 } },
    { stopped: { command: 1, signal: 19 } },
    { continued: { command: 1 } },
  );
  assert.equal(seen, ['spawned', 'stopped', 'continued']);
});

test('what happens to orphans is told where they are to be adopted', () => {
  const told: unknown[] = [];
  const writes: Uint8Array[] = [];
  const channel = new Channel({
    path: '/helper',
    orphans: {
      stopped: (pid, signal) => told.push(['stopped', pid, signal]),
      continued: pid => told.push(['continued', pid]),
      died: (pid, status) => told.push(['died', pid, status.exitCode]),
    },
    write: bytes => writes.push(bytes),
    failed: assert.unreachable,
  });
  const [hello] = new FrameDecoder(MESSAGE_OUT_MAX).decode(Buffer.concat(writes));
  assert.ok(v1.ToHelper.decode(hello!).hello!.subreaper);
  for (const message of [
    HELLO,
    { stopped: { pid: 9, signal: 19 } },
    { continued: { pid: 9 } },
    { died: { pid: 9, exitStatus: { exitCode: 3 } } },
  ]) {
    channel.receive(frame(message));
  }
  assert.equal(told, [
    ['stopped', 9, 19],
    ['continued', 9],
    ['died', 9, 3],
  ]);
});

test('reap resolves with its answer, and rejects where the helper is lost', async () => {
  const { channel, receive, sent } = connect(HELLO);
  const [first, second] = [channel.reap(), channel.reap()];
  const requests = sent().flatMap(({ reap }) => (reap ? [reap.request!] : []));
  receive({ reaped: { request: requests[1]! } });
  await second;
  channel.fail(new UnshareError({ stage: 'Helper' }));
  const lost = await first.then(
    () => null,
    (error: UnshareError) => error.stage,
  );
  assert.is(lost, 'Helper');
});

test('what comes after a failure is ignored', () => {
  const { channel, receive } = connect(HELLO);
  const { events, seen } = recorder();
  channel.spawn(command(), events);
  channel.fail(new UnshareError({ stage: 'Helper' }));
  receive({ spawned: { command: 1 } });
  assert.equal(seen, ['lost']);
});

test.run();

/** A channel to a helper that has sent `messages` so far. */
function connect(...messages: v1.ToClient.$Properties[]) {
  const writes: Uint8Array[] = [];
  let failure: UnshareError | null = null;
  const channel = new Channel({
    path: '/helper',
    write: bytes => writes.push(bytes),
    failed: error => {
      failure = error;
    },
  });
  const receiveBytes = (bytes: Uint8Array) => channel.receive(bytes);
  const receive = (...more: v1.ToClient.$Properties[]) => receiveBytes(Buffer.concat(more.map(frame)));
  const sent = () =>
    [...new FrameDecoder(MESSAGE_OUT_MAX).decode(Buffer.concat(writes))].map(body =>
      v1.ToHelper.decode(body),
    );
  receive(...messages);
  return { channel, writes, sent, receive, receiveBytes, failure: (): UnshareError | null => failure };
}

function frame(message: v1.ToClient.$Properties): Buffer {
  return encodeFrame(v1.ToClient.encode(message).finish());
}

function command(): SpawnMessage {
  return {
    program: Buffer.from('/bin/true'),
    descriptors: [],
    namespaces: [],
    joins: [],
    uidMaps: [],
    gidMaps: [],
    preExec: [],
  };
}

/** A command that is to be frozen. */
function freezing(): SpawnMessage {
  return { ...command(), freeze: true };
}

/** What the messages are. */
function kinds(messages: v1.ToHelper[]): (string | undefined)[] {
  return messages.map(({ message }) => message);
}

/** Writes down by name what happens to a command. */
function recorder() {
  const seen: (keyof CommandEvents)[] = [];
  const events: CommandEvents = {
    frozen: () => seen.push('frozen'),
    spawned: () => seen.push('spawned'),
    failed: () => seen.push('failed'),
    stopped: () => seen.push('stopped'),
    continued: () => seen.push('continued'),
    died: () => seen.push('died'),
    lost: () => seen.push('lost'),
    withdrawn: () => seen.push('withdrawn'),
  };
  return { events, seen };
}

/** Bytes of a linear congruential generator, the same for each seed. */
function randomBytes(seed: number): Buffer {
  let state = seed;
  return Buffer.from(
    Array.from({ length: 64 }, () => {
      state = (state * 1103515245 + 12345) % 2 ** 31;
      return state >>> 16;
    }),
  );
}
