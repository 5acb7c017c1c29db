import type { OutputOptions, SyncOutputOptions } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { rejection, shell } from './support';

const test = suite('drainTimeout');

/** A program that ends at once, and leaves a process behind that has its pipes. */
const leaver = (script: string) => shell(`(${script}) & echo $! >&2; echo out; exit 3`);

const HOLDER = 'exec sleep 60';

/** One that writes may have been ended by SIGPIPE. */
function end(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    assert.is((error as NodeJS.ErrnoException).code, 'ESRCH');
  }
}

async function bothWays(script: string, options: OutputOptions, check: (stdout: string) => void) {
  const command = () => leaver(script).allowDaemonize();
  for (const output of [
    await command().output(options),
    command().outputSync(options as SyncOutputOptions),
  ]) {
    const stdout = output.stdout.toString();
    try {
      assert.is(output.status.code, 3);
      check(stdout);
    } finally {
      end(Number(output.stderr));
    }
  }
}

test('pipes that others hold open are let go, and what came is the result', async () => {
  for (const drainTimeout of [0, 50]) {
    await bothWays(HOLDER, { drainTimeout }, stdout => assert.is(stdout, 'out\n'));
  }
});

test('what is written before the time is over is part of it', async () => {
  await bothWays(`sleep 0.2; echo late; ${HOLDER}`, { drainTimeout: 4000 }, stdout =>
    assert.is(stdout, 'out\nlate\n'),
  );
});

test('a process that goes on writing does not hold it up', async () => {
  const maxBuffer = Number.POSITIVE_INFINITY;
  await bothWays('exec yes', { drainTimeout: 100, maxBuffer }, stdout => assert.match(stdout, 'out\n'));
});

test('all that the program itself has written is there with 0', async () => {
  const command = () => shell(`head -c 60000 /dev/zero; sleep 60 & echo >&2 $!; exit 0`).allowDaemonize();
  for (const { stdout, stderr } of [
    await command().output({ drainTimeout: 0 }),
    command().outputSync({ drainTimeout: 0 }),
  ]) {
    process.kill(Number(stderr), 'SIGKILL');
    assert.is(stdout.length, 60_000);
  }
});

test('pipes that end are waited for no longer, and a timeout ends the wait too', async () => {
  const drainTimeout = 2 ** 31 - 1;
  const { stdout } = await shell('echo done').output({ drainTimeout });
  assert.is(`${stdout}`, 'done\n');
  assert.is(`${shell('echo done').outputSync({ drainTimeout }).stdout}`, 'done\n');
  const options = { drainTimeout, timeout: 300 };
  const error = await rejection(shell('sleep 60 & echo $!').output(options));
  assert.is(error.code, 'ETIMEDOUT');
  assert.throws(() => shell('sleep 60 & echo $!').outputSync(options), /ETIMEDOUT/);
});

test('values that are no time', async () => {
  for (const drainTimeout of [-1, 2 ** 31, Number.NaN]) {
    assert.instance(await rejection(shell('').output({ drainTimeout })), RangeError);
    assert.throws(() => shell('').outputSync({ drainTimeout }), /options\.drainTimeout must be from 0/);
  }
  assert.instance(await rejection(shell('').output({ drainTimeout: '1' as unknown as number })), TypeError);
});

test.run();
