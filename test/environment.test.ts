import * as assert from 'uvu/assert';
import { Command } from '../client';
import { Environment } from '../client/command/environment';
import { FrameDecoder } from '../client/protocol/codec';
import { encodeSpawn, MESSAGE_OUT_MAX } from '../client/protocol/spawn-frame';
import { suite } from './harness';
import { unshare } from './messages';

import v1 = unshare.v1;

const test = suite('environment');

const NAME = 'UNSHARE_TEST_VARIABLE';

test('the list of entries is the same one until a variable changes', () => {
  const client = new Environment();
  const own = new Environment();
  own.clear();
  own.set('A', '1');
  for (const environment of [client, own]) assert.is(environment.entries(), environment.entries());
  const before = own.entries();
  own.set('A', '2');
  assert.equal(before.map(String), ['A=1']);
  assert.equal(own.entries().map(String), ['A=2']);
  own.remove('A');
  assert.equal(own.entries(), []);
});

test("a variable of the client's that is set, changed and removed is seen at the next spawn", async () => {
  const command = new Command('/usr/bin/env');
  const seen = async () => {
    const lines = (await command.output()).stdout.toString().split('\n');
    return lines.filter(line => line.startsWith(`${NAME}=`));
  };
  try {
    process.env[NAME] = '1';
    assert.equal(await seen(), [`${NAME}=1`]);
    process.env[NAME] = '2';
    assert.equal(await seen(), [`${NAME}=2`]);
  } finally {
    delete process.env[NAME];
  }
  assert.equal(await seen(), []);
});

test("an object in the place of process.env is the client's environment", async () => {
  await withEnv({ A: '1', B: undefined, C: '3' }, async () => {
    const { stdout } = await new Command('/usr/bin/env').output();
    assert.is(stdout.toString(), 'A=1\nC=3\n');
  });
});

test('a NUL in it is a TypeError that names the variable, and the helper lives on', async () => {
  await withEnv({ A: '1\0' }, async () => {
    const error = await new Command('/bin/true').status().then(
      () => null,
      (reason: Error) => reason,
    );
    assert.instance(error, TypeError);
    assert.match(error!.message, 'process.env["A"]');
  });
  assert.ok((await new Command('/bin/true').status()).success);
});

test('the frame of a Spawn has all that the message has, with the same environment and with another one', () => {
  const environment = [Buffer.from('A=1'), Buffer.from('B=2')];
  const message = { command: 7, program: Buffer.from('/a'), uid: 5, parentDeathSignal: 9, freeze: true };
  for (const entries of [environment, environment, [], [Buffer.from('C=3')]]) {
    const decoder = new FrameDecoder(MESSAGE_OUT_MAX);
    const [body] = decoder.decode(encodeSpawn({ ...message, environment: entries }));
    const { spawn } = v1.ToHelper.decode(body!);
    assert.equal([spawn!.command, spawn!.uid, spawn!.parentDeathSignal, spawn!.freeze], [7, 5, 9, true]);
    assert.equal(spawn!.environment!.map(String), entries.map(String));
  }
});

async function withEnv(env: NodeJS.ProcessEnv, work: () => Promise<void>): Promise<void> {
  const before = process.env;
  process.env = env;
  try {
    await work();
  } finally {
    process.env = before;
  }
}

test.run();
