import { spawn } from 'child_process';
import { chmodSync, copyFileSync, readFileSync, readlinkSync, statSync } from 'fs';
import type { Socket } from 'net';
import * as path from 'path';
import { Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { drivesPipes } from '../client/runtime';
import { suite } from './harness';
import { makeScratch } from './scratch';
import {
  childrenOf,
  packageRoot,
  rejection,
  residentKib,
  rootMaps,
  runtimePath,
  shell,
  sleep,
} from './support';

const test = suite('helper process');
const isRoot = process.geteuid!() === 0;
const binary = path.join(packageRoot, 'dist/helper', process.arch, 'unshare-helper');

const scratch = makeScratch();

test('the binary is at most 96 KiB', () => {
  if (process.arch === 'x64') assert.ok(statSync(binary).size <= 98_304, String(statSync(binary).size));
});

test('it needs at most 400 KiB with 100 children running', async () => {
  const helper = new Helper();
  const children = await Promise.all(
    Array.from({ length: 100 }, (_, at) => {
      const command = new Command('/bin/sleep')
        .arg('60')
        .stdout(at % 2 && drivesPipes() ? 'piped' : 'null')
        .stderr('null');
      return (at % 4 ? command : command.setIdMaps(...rootMaps())).spawn({ helper });
    }),
  );
  const resident = residentKib(helper.pid!);
  assert.is(childrenOf(helper.pid!).length, 100);
  assert.ok(resident <= 400, `${resident} KiB`);
  await Promise.all(children.map(child => child.kill()));
  await Promise.all(children.map(child => child.wait()));
  await helper.close();
});

test('it runs from a sealed copy, which a child that is root cannot write to', async () => {
  const before = readFileSync(binary);
  const helper = new Helper();
  await shell('true').status({ helper });
  assert.match(readlinkSync(`/proc/${helper.pid}/exe`), /^\/memfd:unshare-helper/);
  const attack = `printf x > /proc/${helper.pid}/exe; printf x > /proc/$PPID/exe`;
  await shell(attack).stderr('null').status({ helper });
  assert.equal(readFileSync(binary), before);
  assert.ok((await shell('true').status({ helper })).success);
  await helper.close();
});

test('terminal signals do not end it', async () => {
  const helper = new Helper();
  await shell('true').status({ helper });
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTSTP', 'SIGHUP', 'SIGTERM', 'SIGTTIN', 'SIGTTOU'] as const) {
    process.kill(helper.pid!, signal);
  }
  await sleep(20);
  const pid = helper.pid;
  assert.ok((await shell('true').status({ helper })).success);
  assert.is(helper.pid, pid);
  await helper.close();
});

test(
  'a setuid copy refuses to run',
  async () => {
    const copy = path.join(scratch, 'setuid');
    copyFileSync(binary, copy);
    chmodSync(copy, 0o4755);
    const { status, stderr } = await new Command(copy).uid(61235).gid(61235).output();
    assert.is.not(status.code, 0);
    assert.match(stderr.toString(), 'more privileges');
  },
  { skip: isRoot ? false : 'only root makes a setuid-root file' },
);

test('started by hand, it says what it is for', async () => {
  const { status, stderr } = await new Command(binary).output();
  assert.is(status.code, 64);
  assert.match(stderr.toString(), 'descriptor 3');
});

test('maps in a pid namespace without its own /proc: a clear error', async () => {
  const client = `
    const { Command } = require(${JSON.stringify(packageRoot)});
    const row = { insideUid: 0, outsideUid: 0, count: 1 };
    new Command('/bin/true').setIdMaps([row], []).spawn().then(() => console.log('{}'), ({ stage, message }) => {
      console.log(JSON.stringify({ stage, message }));
    });`;
  const { stdout } = await new Command(runtimePath)
    .args(['-e', client])
    .unshare('user', 'pid')
    .setIdMaps(...rootMaps())
    .output();
  const error = JSON.parse(stdout.toString());
  assert.is(error.stage, 'SetIdMap');
  assert.match(error.message, '/proc');
});

test('a path that was named is the only one tried', async () => {
  const helper = new Helper({ path: '/nowhere/helper' });
  const error = await rejection(shell('true').status({ helper }));
  assert.is(error.stage, 'Helper');
  assert.match(error.message, '/nowhere/helper');
  assert.not.match(error.message, binary);
});

test('a program that is no helper is told apart', async () => {
  const helper = new Helper({ path: '/bin/true' });
  const error = await rejection(shell('true').status({ helper }));
  assert.is(error.stage, 'Helper');
  assert.match(error.message, '/bin/true');
});

/** What a helper that is sent `bytes` answers, and how it ends. */
function converse(bytes: Buffer): Promise<{ code: number | null; signal: string | null; answer: Buffer }> {
  return new Promise((resolve, reject) => {
    const child = spawn(binary, [], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
    const socket = child.stdio[3] as Socket;
    const chunks: Buffer[] = [];
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('error', () => {});
    child.on('error', reject);
    child.on('close', (code, signal) => resolve({ code, signal, answer: Buffer.concat(chunks) }));
    socket.end(bytes);
  });
}

/** A message behind its length. */
const frame = (...bytes: number[]) => Buffer.from([bytes.length, ...bytes]);
const hello = frame(0x0a, 2, 0x08, 1);

for (const [name, bytes] of Object.entries({
  VarintTooLong: Buffer.alloc(11, 0xff),
  MessageTooLarge: Buffer.from([0xff, 0xff, 0xff, 0x7f]),
  HelloMissing: frame(0x12, 2, 0x08, 1),
  HelloRepeated: Buffer.concat([hello, hello]),
  ProtocolMismatch: frame(0x0a, 2, 0x08, 99),
  MessageEmpty: Buffer.concat([hello, Buffer.from([0])]),
  MessageAmbiguous: Buffer.concat([hello, frame(0x1a, 0, 0x22, 0)]),
  Truncated: Buffer.concat([hello, frame(0x12)]),
  LengthPastEnd: Buffer.concat([hello, frame(0x12, 9, 0x08, 1)]),
  WireTypeWrong: Buffer.concat([hello, frame(0x10, 1)]),
  WireTypeUnknown: Buffer.concat([hello, frame(0x17)]),
  FieldNumberZero: Buffer.concat([hello, frame(0x02, 0)]),
  GroupUnmatched: Buffer.concat([hello, frame(0x6b)]),
  IntegerOutOfRange: Buffer.concat([hello, frame(0x12, 6, 0x08, 0xff, 0xff, 0xff, 0xff, 0x7f)]),
  EnumUnknown: Buffer.concat([hello, frame(0x12, 3, 0x4a, 1, 99)]),
  NulInString: Buffer.concat([hello, frame(0x12, 3, 0x12, 1, 0)]),
  CommandInUse: Buffer.concat([hello, sleeper(1), sleeper(1)]),
})) {
  test(`it refuses ${name} by its name, and ends`, async () => {
    const { code, signal, answer } = await converse(bytes);
    assert.is(signal, null);
    assert.is(code, 1);
    assert.match(answer.toString('latin1'), name);
  });
}

/** A `Spawn` of `sleep 60`. */
function sleeper(command: number): Buffer {
  const program = Buffer.from('/bin/sleep');
  const field = (tag: number, value: Buffer) => Buffer.concat([Buffer.from([tag, value.length]), value]);
  const spawnMessage = Buffer.concat([
    Buffer.from([0x08, command]),
    field(0x12, program),
    field(0x1a, program),
    field(0x1a, Buffer.from('60')),
    Buffer.from([0x78, 9]),
  ]);
  return frame(...field(0x12, spawnMessage));
}

test('random bytes neither crash it nor start anything', async () => {
  let seed = 1;
  const random = () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed >>> 16;
  };
  for (let round = 0; round < 300; round += 1) {
    const bytes = Buffer.from(Array.from({ length: random() % 200 }, () => random() & 0xff));
    const { code, signal, answer } = await converse(Buffer.concat([hello, bytes]));
    assert.is(signal, null);
    assert.ok(code === 0 || code === 1, `${code} after ${bytes.toString('hex')}`);
    // Its own Hello and at most one ProtocolError: no Spawned, whose tag is 0x12.
    assert.is.not(answer[answer[0]! + 2], 0x12);
  }
});

test.run();
