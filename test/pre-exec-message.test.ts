import { Command, step } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { rejection } from './support';

const test = suite('messages of preExec');

async function messageOf(...steps: ReturnType<typeof step.syscall>[]): Promise<string> {
  return (await rejection(new Command('/bin/true').preExec(steps).status())).message;
}

test('the call that failed is shown with its arguments', async () => {
  const first = step.syscall('getpid');
  const message = await messageOf(first, step.syscall('mount', 'tmpfs', '/nowhere', 'tmpfs', 0, 0));
  assert.match(message, /^cannot run step 1 of preExec, mount\("tmpfs", "\/nowhere", "tmpfs", 0, NULL\): /);
});

test('0 is NULL only if the argument is known to be an address', async () => {
  assert.match(await messageOf(step.syscall('close', -1)), 'close(-1): Bad file descriptor');
  assert.match(await messageOf(step.syscall('umount2', 0, 0)), 'umount2(NULL, 0): ');
  assert.match(await messageOf(step.syscall('ioctl', -1, 0, 0)), 'ioctl(-1, 0, 0): ');
});

test('results and structures are shown as by Style.debug()', async () => {
  const steps = [step.syscall('getpid'), step.syscall('fcntl', -1, step.result(0)), step.syscall('getpid')];
  assert.match(await messageOf(...steps), 'fcntl(-1, result(0)): ');
  const structure = Buffer.alloc(40, 1).fill(0, 2, 3);
  const message = await messageOf(step.syscall('write', -1, structure, 40));
  assert.match(message, `write(-1, <Buffer 01 01 00${' 01'.repeat(29)} ... 8 more>, 40): `);
});

test('strings are escaped, and longer ones than a path are cut', async () => {
  assert.match(
    await messageOf(step.syscall('chdir', '/nowhere\u009b2J"')),
    'chdir("/nowhere\\u009b2J\\""): ',
  );
  const message = await messageOf(step.syscall('chdir', `/${'é'.repeat(5000)}`));
  assert.match(message, /chdir\("\/é{2047}"\.\.\.\): /);
});

test('item and index are as before', async () => {
  const error = await rejection(
    new Command('/bin/true').preExec([step.syscall('chdir', '/nowhere')]).spawn(),
  );
  assert.equal(
    [error.stage, error.item, error.index, error.syscall],
    ['PreExec', 'step 0 (chdir)', 0, 'chdir'],
  );
});

test.run();
