import { constants } from 'os';
import {
  AT_FDCWD,
  Command,
  O_NOCTTY,
  O_RDONLY,
  O_RDWR,
  PR_SET_NO_NEW_PRIVS,
  step,
  TIOCGPTPEER,
  TIOCSCTTY,
  TIOCSPTLCK,
} from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { rejection, shell } from './support';
import { wrappedHelper } from './wrapped-helper';

const RLIMIT_NOFILE = 7;
const SIG_BLOCK = 0;

const test = suite('pre exec');

test('no_new_privs', async () => {
  const command = shell('grep NoNewPrivs /proc/self/status').preExec([
    step.syscall('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
  ]);
  const { stdout } = await command.output();
  assert.is(stdout.toString(), 'NoNewPrivs:\t1\n');
});

test('a controlling terminal', async () => {
  // As `script` and terminal emulators do it: a new pseudo-terminal, unlocked, whose other end becomes the terminal.
  const command = shell(
    'exec 2>/dev/null; cut -d " " -f 7 /proc/self/stat; : > /dev/tty && echo opened',
  ).preExec([
    step.syscall('openat', AT_FDCWD, '/dev/ptmx', O_RDWR | O_NOCTTY),
    step.syscall('ioctl', step.result(0), TIOCSPTLCK, Buffer.alloc(4)),
    step.syscall('ioctl', step.result(0), TIOCGPTPEER, O_RDWR | O_NOCTTY),
    step.syscall('setsid'),
    step.syscall('ioctl', step.result(2), TIOCSCTTY, 0),
  ]);
  const { stdout } = await command.output();
  const [terminal, opened] = stdout.toString().split('\n');
  assert.ok(Number(terminal) > 0, terminal);
  assert.is(opened, 'opened');
});

test('the result of a step is the argument of a later one, and descriptors it opens are inherited', async () => {
  const command = shell('cat <&9').preExec([
    step.syscall('openat', AT_FDCWD, '/proc/self/comm', O_RDONLY),
    step.syscall('dup3', step.result(0), 9, 0),
  ]);
  const { stdout, status } = await command.output();
  assert.ok(status.success);
  assert.ok(stdout.length > 0);
});

test('a buffer that one step writes is what a later one reads', async () => {
  const buffer = new Uint8Array(8);
  const command = shell('true').preExec([
    step.syscall('openat', AT_FDCWD, '/proc/version', O_RDONLY),
    step.syscall('read', step.result(0), buffer, 5),
    step.syscall('write', 1, buffer, 5),
  ]);
  const { stdout } = await command.output();
  assert.is(stdout.toString(), 'Linux');
  assert.equal(buffer, new Uint8Array(8));
});

test('nothing that the helper undoes of its own comes after the steps', async () => {
  // The helper raises its soft limit to the hard one, blocks all signals, and is started with SIGUSR2 ignored.
  const helper = wrappedHelper(`trap '' USR2; ulimit -Sn 200; exec "$helper" "$@"`);
  const number = (name: string) => Number(constants.signals[name as 'SIGUSR1']);
  const bits = (signal: number) => BigInt(1) << BigInt(signal - 1);
  const words = (...values: bigint[]) => new Uint8Array(BigUint64Array.from(values).buffer);
  const mask = words(bits(number('SIGUSR1')));
  const command = new Command('/bin/sh')
    .args(['-c', 'exec cat /proc/self/limits /proc/self/status'])
    .preExec([
      step.syscall('prlimit64', 0, RLIMIT_NOFILE, words(BigInt(50), BigInt(60)), 0),
      step.syscall('rt_sigprocmask', SIG_BLOCK, mask, 0, 8),
      // The handler SIG_IGN, without flags and mask.
      step.syscall('rt_sigaction', number('SIGUSR2'), words(BigInt(1), ...Array(3).fill(BigInt(0))), 0, 8),
    ]);
  try {
    const { stdout } = await command.output({ helper });
    const found = (pattern: RegExp) => pattern.exec(`${stdout}`)!.slice(1);
    assert.equal(found(/^Max open files +(\d+) +(\d+)/m), ['50', '60']);
    assert.is(BigInt(`0x${found(/^SigBlk:\t(\w+)/m)}`), bits(number('SIGUSR1')));
    assert.is(BigInt(`0x${found(/^SigIgn:\t(\w+)/m)}`), bits(number('SIGUSR2')));
  } finally {
    await helper.close();
  }
});

test('a step that fails is named by index and call', async () => {
  const error = await rejection(
    shell('true')
      .preExec([step.syscall('getpid'), step.syscall('chdir', '/nowhere')])
      .spawn(),
  );
  assert.equal([error.stage, error.code, error.index, error.syscall], ['PreExec', 'ENOENT', 1, 'chdir']);
  assert.match(error.message, /chdir/);
});

test('a step that may fail does not stop', async () => {
  const status = await shell('true')
    .preExec([step.allowFailure(step.syscall('chdir', '/nowhere'))])
    .status();
  assert.ok(status.success);
});

test('a call that there is not is refused, by name', async () => {
  for (const name of ['prctl2', 'constructor']) {
    const error = await rejection(
      shell('true')
        .preExec([step.syscall('getpid'), step.syscall(name, 1)])
        .spawn(),
    );
    assert.equal([error.stage, error.index, error.item], ['PreExec', 1, `step 1 (${name})`]);
    assert.match(error.message, `step 1 (${name}) of preExec: the kernel has no system call of that name`);
  }
});

test('closeFds closes what steps have opened, and nothing else', async () => {
  const open = step.syscall('openat', AT_FDCWD, '/proc/version', O_RDONLY);
  const list = (command: Command) => command.preExec([open, open, open]).output();
  const all = (await list(shell('ls /proc/self/fd'))).stdout.toString().trim().split('\n');
  const closed = (await list(shell('ls /proc/self/fd').closeFds())).stdout.toString().trim().split('\n');
  // With the one by which `ls` reads the directory.
  assert.is(all.length, 7);
  assert.is(closed.length, 4);
});

test('closeFds does not hide a program that is missing', async () => {
  const error = await rejection(new Command('/nowhere').closeFds().spawn());
  assert.equal([error.stage, error.code], ['Exec', 'ENOENT']);
});

test.run();
