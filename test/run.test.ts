import * as assert from 'uvu/assert';
import { Command, type SpawnOptions } from '../client/command/command';
import type { SpawnRequest } from '../client/command/spawn-request';
import { UnshareError } from '../client/error/error';
import type { Connection } from '../client/helper/connection';
import type { Helper } from '../client/helper/helper';
import { type AbortSignalLike, type AbortWatch, watchSignal } from '../client/process/abort';
import type { Child } from '../client/process/child';
import { Run } from '../client/process/run';
import { Channel } from '../client/protocol/channel';
import { encodeFrame, FrameDecoder } from '../client/protocol/codec';
import { MESSAGE_OUT_MAX } from '../client/protocol/spawn-frame';
import { toSpawnMessage } from '../client/protocol/spawn-message';
import { PROTOCOL } from '../client/version';
import { Controller } from './abort-controller';
import { suite } from './harness';
import { unshare } from './messages';

import v1 = unshare.v1;

const test = suite('run');

const DEAD = { died: { command: 1, exitStatus: { signal: 9 } } };
const FAILED = { spawnFailed: { command: 1, stage: v1.Stage.STAGE_UNKNOWN_ERROR, signal: 9 } };

test('beforeUnfreeze gets the pid, and the child goes on when its promise is fulfilled', async () => {
  const peer = connect();
  let release = () => {};
  const seen: number[] = [];
  const child = peer.spawn(
    command().beforeUnfreeze(pid => {
      seen.push(pid);
      return new Promise<void>(resolve => {
        release = resolve;
      });
    }),
  );
  peer.receive({ frozen: { command: 1, pid: 77 } });
  await turn();
  assert.equal([seen, peer.kinds()], [[77], ['spawn']]);
  release();
  await turn();
  assert.equal(peer.kinds(), ['spawn', 'unfreeze']);
  peer.receive({ spawned: { command: 1, pid: 77 } });
  assert.is((await child).pid, 77);
});

test('beforeUnfreeze is not called before what came with Frozen was taken', async () => {
  const peer = connect();
  let called = false;
  const failure = rejection(
    peer.spawn(
      command().beforeUnfreeze(() => {
        called = true;
      }),
    ),
  );
  peer.receive({ frozen: { command: 1 } }, FAILED);
  assert.is((await failure).stage, 'UnknownError');
  await turn();
  assert.equal([called, peer.kinds()], [false, ['spawn']]);
});

for (const [how, callback] of Object.entries({
  throws: () => {
    throw new Error('no');
  },
  rejects: () => Promise.reject(new Error('no')),
})) {
  test(`beforeUnfreeze that ${how} ends the child, and is the error`, async () => {
    const peer = connect();
    const failure = rejection(peer.spawn(command().beforeUnfreeze(callback)));
    peer.receive({ frozen: { command: 1 } });
    await turn();
    assert.equal([peer.kinds(), peer.references()], [['spawn', 'abort'], 1]);
    peer.receive(FAILED);
    const { stage, message, cause } = await failure;
    assert.equal([stage, message], ['BeforeUnfreeze', 'beforeUnfreeze failed: no']);
    assert.is((cause as Error).message, 'no');
    assert.is(peer.references(), 0);
  });
}

test('beforeUnfreeze that fails is the error where the helper is lost after it, too', async () => {
  const peer = connect();
  const failure = rejection(peer.spawn(command().beforeUnfreeze(() => Promise.reject(new Error('no')))));
  peer.receive({ frozen: { command: 1 } });
  await turn();
  peer.lose();
  assert.is((await failure).stage, 'BeforeUnfreeze');
});

test('a child that dies frozen fails the spawn at once, and what beforeUnfreeze does then is ignored', async () => {
  const peer = connect();
  let fail = (_error: Error) => {};
  const failure = rejection(
    peer.spawn(
      command().beforeUnfreeze(
        () =>
          new Promise((_resolve, reject) => {
            fail = reject;
          }),
      ),
    ),
  );
  peer.receive({ frozen: { command: 1 } });
  await turn();
  peer.receive(FAILED);
  const { stage, signal } = await failure;
  assert.equal([stage, signal], ['UnknownError', 'SIGKILL']);
  fail(new Error('late'));
  await turn();
  assert.equal(peer.kinds(), ['spawn']);
});

test('a frozen child keeps the event loop alive', async () => {
  const peer = connect();
  peer.spawn(command().beforeUnfreeze(() => new Promise(() => {}))).catch(() => {});
  peer.receive({ frozen: { command: 1 } });
  await turn();
  assert.is(peer.references(), 1);
});

test('an abort before the child runs rejects with the reason when nothing is left of it', async () => {
  const peer = connect();
  const controller = new Controller();
  let settled = false;
  const failure = rejection(peer.spawn(command(), controller));
  failure.then(() => {
    settled = true;
  });
  controller.abort('enough');
  await turn();
  assert.equal([settled, peer.kinds()], [false, ['spawn', 'abort']]);
  peer.receive(FAILED);
  assert.equal([await failure, controller.listeners, peer.references()], ['enough', 0, 0]);
});

test('an abort that crosses Spawned kills the child, and rejects when it is dead', async () => {
  const peer = connect();
  const controller = new Controller();
  let settled = false;
  const failure = rejection(peer.spawn(command(), controller));
  failure.then(() => {
    settled = true;
  });
  controller.abort('enough');
  peer.receive({ spawned: { command: 1, pid: 5 } });
  await turn();
  assert.equal([settled, peer.kinds()], [false, ['spawn', 'abort', 'signal']]);
  peer.receive({ signalResult: { request: 1 } }, DEAD);
  assert.is(await failure, 'enough');
  await turn();
  assert.equal([controller.listeners, peer.references()], [0, 0]);
});

test('an abort while beforeUnfreeze runs ends the child, and what the function does then is ignored', async () => {
  const peer = connect();
  const controller = new Controller();
  let release = () => {};
  const failure = rejection(
    peer.spawn(
      command().beforeUnfreeze(
        () =>
          new Promise<void>(resolve => {
            release = resolve;
          }),
      ),
      controller,
    ),
  );
  peer.receive({ frozen: { command: 1 } });
  await turn();
  controller.abort('enough');
  release();
  await turn();
  assert.equal(peer.kinds(), ['spawn', 'abort']);
  peer.receive(FAILED);
  assert.is(await failure, 'enough');
});

test('an abort before Frozen: beforeUnfreeze is not called', async () => {
  const peer = connect();
  const controller = new Controller();
  let called = false;
  const failure = rejection(
    peer.spawn(
      command().beforeUnfreeze(() => {
        called = true;
      }),
      controller,
    ),
  );
  controller.abort('enough');
  peer.receive({ frozen: { command: 1 } });
  await turn();
  peer.receive(FAILED);
  assert.equal([await failure, called, peer.kinds()], ['enough', false, ['spawn', 'abort']]);
});

test('an abort is the reason where the helper is lost after it', async () => {
  const peer = connect();
  const controller = new Controller();
  const failure = rejection(peer.spawn(command(), controller));
  controller.abort('enough');
  peer.lose();
  assert.equal([await failure, controller.listeners], ['enough', 0]);
});

test('an abort while the child runs kills it, and wait() resolves', async () => {
  const peer = connect();
  const controller = new Controller();
  const starting = peer.spawn(command(), controller);
  peer.receive({ spawned: { command: 1, pid: 5 } });
  const child = await starting;
  controller.abort('enough');
  assert.equal(peer.kinds(), ['spawn', 'signal']);
  peer.receive({ signalResult: { request: 1 } }, DEAD);
  assert.is((await child.wait()).signal, 'SIGKILL');
  assert.is(controller.listeners, 0);
});

for (const method of ['status', 'output'] as const) {
  test(`an abort while the child runs: ${method}() rejects with the reason when it is dead`, async () => {
    const peer = connect();
    const controller = new Controller();
    let settled = false;
    const quiet = command().stdout('null').stderr('null');
    const failure = rejection(quiet[method](peer.options(controller)));
    failure.then(() => {
      settled = true;
    });
    peer.receive({ spawned: { command: 1, pid: 5 } });
    await turn();
    controller.abort('enough');
    await turn();
    assert.is(settled, false);
    peer.receive({ signalResult: { request: 1 } }, DEAD);
    assert.is(await failure, 'enough');
    await turn();
    assert.is(controller.listeners, 0);
  });

  test(`an abort between the start and ${method}() going on is not lost`, async () => {
    const peer = connect();
    const controller = new Controller();
    const quiet = command().stdout('null').stderr('null');
    const failure = rejection(quiet[method](peer.options(controller)));
    peer.receive({ spawned: { command: 1, pid: 5 } });
    controller.abort('enough');
    peer.receive({ signalResult: { request: 1 } }, DEAD);
    assert.is(await failure, 'enough');
  });

  test(`${method}() leaves no listener behind`, async () => {
    const peer = connect();
    const controller = new Controller();
    const quiet = command().stdout('null').stderr('null');
    const result = quiet[method](peer.options(controller));
    peer.receive({ spawned: { command: 1, pid: 5 } });
    await turn();
    peer.receive(DEAD);
    await result;
    await turn();
    assert.is(controller.listeners, 0);
  });
}

test('a spawn that fails leaves no listener behind', async () => {
  const peer = connect();
  const controller = new Controller();
  const failure = rejection(peer.spawn(command(), controller));
  assert.is(controller.listeners, 1);
  peer.receive(FAILED);
  await failure;
  assert.is(controller.listeners, 0);
});

test('an abort after the end does nothing', async () => {
  const peer = connect();
  const controller = new Controller();
  const starting = peer.spawn(command(), controller);
  peer.receive({ spawned: { command: 1, pid: 5 } }, DEAD);
  await (await starting).wait();
  controller.abort('late');
  assert.equal(peer.kinds(), ['spawn']);
});

test(
  'the signal of a runtime has what is needed of it',
  () => {
    const controller = new AbortController();
    controller.abort();
    const { name, code } = watchSignal(controller.signal)!.reason as { name: string; code: unknown };
    assert.is(name, 'AbortError');
    assert.ok(code === 'ABORT_ERR' || code === 20);
  },
  { skip: typeof AbortController === 'undefined' && 'the runtime has no AbortController' },
);

test('a hundred commands with one signal share a listener, which goes with the last of them', () => {
  const controller = new Controller();
  const told: number[] = [];
  const stops = Array.from({ length: 100 }, (_, index) =>
    watchSignal(controller)!.onAbort(() => told.push(index)),
  );
  assert.is(controller.listeners, 1);
  for (const stop of stops.slice(1)) stop();
  assert.is(controller.listeners, 1);
  controller.abort('enough');
  assert.equal(told, [0]);
  stops[0]!();
  assert.is(controller.listeners, 0);
});

test.run();

function command(): Command {
  return new Command('/bin/true');
}

/** Long enough for all that is settled to be told. */
function turn(): Promise<void> {
  return new Promise(resolve => setImmediate(resolve));
}

async function rejection(promise: Promise<unknown>): Promise<UnshareError> {
  try {
    await promise;
  } catch (error) {
    return error as UnshareError;
  }
  throw new Error('it did not reject');
}

/** A connection to a helper that says what a test lets it say. */
function connect() {
  const writes: Uint8Array[] = [];
  let references = 0;
  const channel = new Channel({
    path: '/helper',
    write: bytes => writes.push(bytes),
    failed: error => {
      throw error;
    },
  });
  const connection = {
    channel,
    path: '/helper',
    pid: 1,
    ref: () => {
      references += 1;
    },
    unref: () => {
      references -= 1;
    },
    retireIfForeign: () => false,
    takeRuntimePipes: () => new Map(),
    commandBegins: () => {},
    commandOver: () => {},
    expectAnswer: () => {},
    answered: () => {},
  } as unknown as Connection;
  const start = async (request: SpawnRequest, watch: AbortWatch | null): Promise<Child> =>
    Run.start(
      connection,
      { request, message: toSpawnMessage(request, { clientDir: null, startDir: null }) },
      watch,
    );
  const options = (signal?: AbortSignalLike): SpawnOptions => {
    const helper = { start } as unknown as Helper;
    return signal === undefined ? { helper } : { helper, signal };
  };
  const receive = (...messages: v1.ToClient.$Properties[]) =>
    channel.receive(
      Buffer.concat(messages.map(message => encodeFrame(v1.ToClient.encode(message).finish()))),
    );
  receive({ hello: { protocol: PROTOCOL } });
  return {
    options,
    receive,
    spawn: (asked: Command, signal?: AbortSignalLike) => asked.spawn(options(signal)),
    lose: () => channel.fail(new UnshareError({ stage: 'Helper' })),
    references: () => references,
    /** What the helper was sent, after Hello. */
    kinds: () =>
      [...new FrameDecoder(MESSAGE_OUT_MAX).decode(Buffer.concat(writes))]
        .map(body => v1.ToHelper.decode(body).message)
        .slice(1),
  };
}
