import { spawn } from 'child_process';
import type { Socket } from 'net';
import * as path from 'path';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { encodeFrame, FrameDecoder } from '../client/protocol/codec';
import { syscallNumber } from '../client/protocol/syscall-number';
import { readDocument } from './doc-blocks';
import { find } from './doc-programs';
import { suite } from './harness';
import { unshare } from './messages';
import { packageRoot, sleep, until } from './support';
import { helperBinary } from './wrapped-helper';

import v1 = unshare.v1;

const test = suite('protocol');
const python = find('python3');

test(
  'a client in Python, written from the document, drives the helper',
  async () => {
    const client = path.join(packageRoot, 'test/fixtures/client.py');
    const { stdout, stderr, status } = await new Command(python!)
      .args([client, helperBinary])
      .output({ timeout: 20_000 });
    assert.is(`${stderr}${status}`, 'exit status: 0');
    assert.equal(stdout.toString().trimEnd().split('\n'), [
      'hello: protocol 1 pid True',
      'spawned and read: hello, world and you',
      'died: exit code 7 of the same process True',
      'spawn_failed: execve, No such file or directory',
      'signal_result: 0 and died: signal 15',
      'the helper: exit status 0',
    ]);
  },
  { skip: python === null && 'python3 is not installed' },
);

/** The bytes in docs/protocol.md that go this way. */
function documented(arrow: '→' | '←'): Buffer[] {
  const lines = readDocument('docs/protocol.md').match(new RegExp(`^${arrow} [0-9a-f ]+$`, 'gm'))!;
  return lines.map(line => Buffer.from(line.slice(2).replace(/ /g, ''), 'hex'));
}

/** What differs each time. */
const CHANGING = [
  'version',
  'pid',
  'controlInode',
  'sealed',
  'unsealedReason',
  'device',
  'inode',
  'resourceUsage',
];

/** A message as an object without what differs each time. */
function constantPart(body: Uint8Array): unknown {
  const message = v1.ToClient.decode(body);
  return JSON.parse(JSON.stringify(message, (key, value) => (CHANGING.includes(key) ? undefined : value)));
}

/** Until the helper's Hello and Spawned are there. */
async function untilSpawned(answers: Buffer[]): Promise<void> {
  await until('Spawned', () => answers.length === 2);
}

/**
 * The helper's answers to these messages, as many as there are to be, and its exit status at the end of the socket. A function is
 * called between two messages, with the answers so far.
 */
async function converse(
  requests: (Buffer | ((answers: Buffer[]) => Promise<void>))[],
  answerCount: number,
): Promise<{ bodies: Buffer[]; code: number }> {
  const helper = spawn(helperBinary, [], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  const ended = new Promise<number>(resolve => helper.on('exit', code => resolve(code!)));
  const socket = helper.stdio[3] as Socket;
  const decoder = new FrameDecoder(4096);
  const bodies: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => {
    for (const body of decoder.decode(chunk)) bodies.push(Buffer.from(body));
  });
  for (const request of requests) {
    if (typeof request === 'function') await request(bodies);
    else socket.write(request);
  }
  await until('all answers', () => bodies.length === answerCount);
  socket.end();
  return { bodies, code: await ended };
}

test('the bytes of the first exchange in the document are those of the helper', async () => {
  const expected = documented('←').map(frame => [...new FrameDecoder(4096).decode(frame)][0]!);
  const [hello, spawnEcho, releasePipes] = documented('→') as [Buffer, Buffer, Buffer];
  const { bodies, code } = await converse([hello, spawnEcho, untilSpawned, releasePipes], expected.length);
  assert.is(expected.length, 3);
  assert.equal(bodies.map(constantPart), expected.map(constantPart));
  assert.is(code, 0);
});

test('Died comes after ReleasePipes: who writes then finds no reader, in the helper neither', async () => {
  const [hello, , releasePipes] = documented('→') as [Buffer, Buffer, Buffer];
  const { DESCRIPTOR_SOURCE_PIPE_READ: source } = v1.DescriptorSource;
  const ended = encodeFrame(
    v1.ToHelper.encode({
      spawn: { command: 1, program: Buffer.from('/bin/true'), descriptors: [{ number: 0, source }] },
    }).finish(),
  );
  const andItsDeath = async (answers: Buffer[]) => {
    await untilSpawned(answers);
    await sleep(200);
    assert.is(answers.length, 2);
  };
  const { bodies } = await converse([hello, ended, andItsDeath, releasePipes], 3);
  const { died } = v1.ToClient.decode(bodies[2]!);
  assert.equal([died!.command, died!.exitStatus!.exitCode], [1, 0]);
  assert.is(died!.pid, v1.ToClient.decode(bodies[1]!).spawned!.pid);
});

test('the messages beside these bytes are those that they are', () => {
  const text = readDocument('docs/protocol.md');
  const shown = (frame: Buffer, type: typeof v1.ToHelper | typeof v1.ToClient) =>
    Object.keys(type.decode([...new FrameDecoder(1 << 20).decode(frame)][0]!))[0]!;
  const kinds = [
    ...documented('→').map(frame => shown(frame, v1.ToHelper)),
    ...documented('←').map(frame => shown(frame, v1.ToClient)),
  ];
  const named = [...text.matchAll(/^[→←] [0-9a-f ]+\n {2}(\w+) \{/gm)].map(match => match[1]!);
  assert.equal(kinds.map(kind => kind.toLowerCase()).sort(), named.map(name => name.toLowerCase()).sort());
});

test('the most steps with the most arguments are taken, also while other commands are on their way', async () => {
  const spawn = { program: Buffer.from('/bin/true'), arguments: [Buffer.from('true')] };
  const getppid = { number: syscallNumber('getppid', 0), arguments: Array(6).fill({ number: 0 }) };
  const messages: v1.ToHelper.$Properties[] = [
    { hello: { protocol: 1 } },
    // More than can share the helper's memory: the last one gets memory by the size of its message.
    ...[1, 2, 3, 4, 5, 6, 7].map(command => ({ spawn: { ...spawn, command } })),
    { spawn: { ...spawn, command: 8, preExec: Array(64).fill(getppid) } },
  ];
  // In one write: none has got far when the last one is read.
  const bytes = Buffer.concat(messages.map(message => encodeFrame(v1.ToHelper.encode(message).finish())));
  const { bodies, code } = await converse([bytes], 17);
  const spawned = bodies.map(body => v1.ToClient.decode(body).spawned?.command ?? 0);
  assert.equal(spawned.filter(command => command > 0).sort(), [1, 2, 3, 4, 5, 6, 7, 8]);
  assert.is(code, 0);
});

test.run();
