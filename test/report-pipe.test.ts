import { type Command, Helper, step } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { childrenOf, rejection, rootMaps, shell, until } from './support';

/** What comes to the helper on the pipe by which a process reports is not to be trusted. */
const test = suite('report pipe');

/** Steps that write these bytes to every descriptor above the standard ones, wherever the report pipe is. */
function writing(command: Command, bytes: Uint8Array): Command {
  const numbers = Array.from({ length: 30 }, (_, index) => index + 3);
  return command.preExec(
    numbers.map(number => step.allowFailure(step.syscall('write', number, bytes, bytes.length))),
  );
}

/** A record of the helper's, report.zig: that a joiner has made this process, that execve comes next, or that a step failed. */
function record(
  kind: number,
  { stage = 0, call = 0, item = 0, signal = 0, errno = 0, index = 0 } = {},
): Uint8Array {
  const bytes = Buffer.alloc(16);
  bytes.writeUInt32LE(kind, 0);
  bytes.set([stage, call, item, signal], 4);
  bytes.writeUInt16LE(errno, 8);
  bytes.writeUInt32LE(index, 12);
  return bytes;
}

const FAILED = 0;
const ABOUT_TO_EXEC = 1;
const JOINED = 2;

const commands: [name: string, make: () => Command][] = [
  ['a forked process', () => shell('true')],
  [
    'one in a new user namespace',
    () =>
      shell('true')
        .unshare('user')
        .setIdMaps(...rootMaps()),
  ],
  [
    'one that a joiner has made',
    () =>
      shell('true')
        .unshare('user', 'time')
        .setIdMaps(...rootMaps()),
  ],
];

const forgeries: [name: string, bytes: (helper: Helper) => Uint8Array][] = [
  ['one byte', () => Buffer.from('x')],
  ['a kind that there is not', () => record(3)],
  ['a stage that there is not', () => record(FAILED, { stage: 255 })],
  ['a system call that there is not', () => record(FAILED, { stage: 3, call: 255 })],
  ['an item that there is not', () => record(FAILED, { stage: 3, item: 255 })],
  ['no stage', () => record(FAILED)],
  ['the end of a map command that there is not', () => record(FAILED, { stage: 12, index: 1 << 8 })],
  ['a process that is none of the helper’s', () => record(JOINED, { index: process.pid })],
  ['the process of another command', ({ pid }) => record(JOINED, { index: childrenOf(pid!)[0]! })],
  ['a process with a number that is none', () => record(JOINED, { index: 2 ** 32 - 1 })],
  [
    'more records than there can be',
    () => Buffer.concat(Array.from({ length: 100 }, () => record(ABOUT_TO_EXEC))),
  ],
];

for (const [name, make] of commands) {
  test(`${name} that writes to its descriptors fails by itself, and no other command notices`, async () => {
    const helper = new Helper();
    const other = await shell('exec sleep 1000').spawn({ helper });
    for (const [what, bytes] of forgeries) {
      const error = await rejection(writing(make(), bytes(helper)).status({ helper }));
      assert.equal([error.stage, error.code], ['PipeError', null], `${what}: ${error.message}`);
      assert.match(error.message, /another process has written/);
    }
    await until('nothing is left of them', () => childrenOf(helper.pid!).length === 1);
    assert.ok((await shell('true').status({ helper })).success);
    await other.kill();
    assert.is((await other.wait()).signal, 'SIGKILL');
    await helper.close();
  });
}

test.run();
