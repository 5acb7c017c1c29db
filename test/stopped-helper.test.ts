import { spawn } from 'child_process';
import { readFileSync } from 'fs';
import { Command, Helper, type UnshareError } from 'unshare';
import * as assert from 'uvu/assert';
import { drivesPipes, runtime } from '../client/runtime';
import { suite } from './harness';
import { childrenOf, exists, rejection, shell, sleep, until } from './support';
import { wrappedHelper } from './wrapped-helper';

/*
 * A program of the same user stops the helper (SIGSTOP): what is to end nevertheless ends, and nothing waits for ever.
 */

const test = suite('stopped helper');

const ownHelper = !drivesPipes() && 'here, a command with pipes has a helper of its own';

const stateOf = (pid: number) => /\) (\S)/.exec(readFileSync(`/proc/${pid}/stat`, 'latin1'))![1];

/** A helper that runs and is stopped now. */
async function stoppedHelper(before: (helper: Helper) => Promise<unknown> = async () => {}): Promise<Helper> {
  const helper = new Helper();
  await new Command('/bin/true').status({ helper });
  await before(helper);
  process.kill(helper.pid!, 'SIGSTOP');
  await until('the helper is stopped', () => stateOf(helper.pid!) === 'T');
  return helper;
}

function assertStopped(error: UnshareError): void {
  assert.is(error.stage, 'Helper');
  assert.match(error.message, /was stopped: process \d+ did not answer for a second, and was killed; /);
  assert.match(error.hint!, /SIGSTOP/);
}

async function assertWorks(helper: Helper): Promise<void> {
  assert.ok((await new Command('/bin/true').status({ helper })).success);
  await helper.close();
}

for (const [what, call] of [
  ['a timeout', helper => shell('true').status({ helper, timeout: 100 })],
  ['a timeout of a command with pipes', helper => shell('true').output({ helper, timeout: 100 })],
  [
    'an abort',
    helper => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(), 100);
      return shell('true').status({ helper, signal: controller.signal });
    },
  ],
] as [string, (helper: Helper) => Promise<unknown>][]) {
  test(
    `${what} before the program runs: everything pending rejects with stage Helper, and the next command works`,
    async () => {
      const helper = await stoppedHelper();
      const other = rejection(shell('true').status({ helper }));
      assertStopped(await rejection(call(helper)));
      assertStopped(await other);
      await assertWorks(helper);
    },
    {
      skip:
        (what.endsWith('pipes') && ownHelper) ||
        (what === 'an abort' && typeof AbortController === 'undefined' && 'there is no AbortController'),
    },
  );
}

test('a timeout of a program that runs: it ends, as do others with a death signal', async () => {
  const programs: number[] = [];
  let ended!: Promise<UnshareError>;
  const helper = await stoppedHelper(async helper => {
    const other = await new Command('/bin/sleep').arg('60').spawn({ helper });
    programs.push(other.pid);
    ended = rejection(new Command('/bin/sleep').arg('60').status({ helper, timeout: 1500 }));
    await until('both run', () => childrenOf(helper.pid!).length === 2);
    programs.push(...childrenOf(helper.pid!));
  });
  assertStopped(await ended);
  for (const pid of programs) await until(`${pid} has ended`, () => !exists(pid));
  await assertWorks(helper);
});

test('kill() of a program without a death signal ends it, though the helper cannot', async () => {
  const helper = new Helper();
  const child = await new Command('/bin/sleep').arg('60').allowDaemonize().spawn({ helper });
  const spared = await new Command('/bin/sleep').arg('60').allowDaemonize().spawn({ helper });
  process.kill(helper.pid!, 'SIGSTOP');
  const waiting = rejection(child.wait());
  assertStopped(await rejection(child.kill()));
  assertStopped(await waiting);
  await until('it has ended', () => !exists(child.pid));
  assert.ok(exists(spared.pid));
  process.kill(spared.pid, 'SIGKILL');
  await assertWorks(helper);
});

test('a signal that is not answered: it rejects, and so does wait()', async () => {
  const helper = new Helper();
  const child = await new Command('/bin/sleep').arg('60').spawn({ helper });
  process.kill(helper.pid!, 'SIGSTOP');
  const waiting = rejection(child.wait());
  assertStopped(await rejection(child.signal('SIGUSR1')));
  assertStopped(await waiting);
  await assertWorks(helper);
});

test('a helper that is stopped before its Hello', async () => {
  const helper = wrappedHelper('kill -STOP $$; exec "$helper" "$@"');
  assertStopped(await rejection(shell('true').status({ helper, timeout: 100 })));
  await helper.close();
  const other = wrappedHelper('kill -STOP $$; exec "$helper" "$@"');
  assertStopped(await rejection(shell('true').output({ helper: other, timeout: 100 })));
  await other.close();
});

test('a helper that is only slow is left alone: nothing but the timeout happens', async () => {
  const helper = wrappedHelper('sleep 2.5; exec "$helper" "$@"');
  const error = await rejection(shell('true').output({ helper, timeout: 100 }));
  assert.is(error.code as string, 'ETIMEDOUT');
  await assertWorks(helper);
});

test('one that is stopped for a moment is left alone, also if this process stands still meanwhile', async () => {
  const helper = new Helper();
  const child = await new Command('/bin/sleep').arg('60').spawn({ helper });
  process.kill(helper.pid!, 'SIGSTOP');
  const signalled = child.signal('SIGCONT');
  await sleep(700);
  spawn('/bin/sh', ['-c', `sleep 0.2; kill -CONT ${helper.pid}`]);
  const end = Date.now() + 2500;
  while (Date.now() < end);
  await signalled;
  await child.kill();
  assert.is((await child.wait()).signal, 'SIGKILL');
  await helper.close();
});

test(
  'a helper that nobody asks for anything may be stopped for long',
  async () => {
    const helper = new Helper();
    const child = await shell('read line').stdin('piped').spawn({ helper });
    process.kill(helper.pid!, 'SIGSTOP');
    await sleep(2000);
    process.kill(helper.pid!, 'SIGCONT');
    child.stdin!.end('\n');
    assert.ok((await child.wait()).success);
    await helper.close();
  },
  { skip: ownHelper },
);

for (const killSignal of ['SIGKILL', 'SIGTERM'] as const) {
  test(
    `a synchronous call whose helper is stopped ends after its timeout, with ${killSignal}`,
    () => {
      const start = Date.now();
      let error!: NodeJS.ErrnoException;
      let pid = 0;
      try {
        // The helper is the parent.
        shell('kill -STOP $PPID; echo $$; exec sleep 60').outputSync({ timeout: 500, killSignal });
      } catch (thrown) {
        error = thrown as NodeJS.ErrnoException;
        pid = Number((thrown as unknown as { stdout: Buffer }).stdout);
      }
      assert.is(error.code, 'ETIMEDOUT', error.message);
      assert.ok(Date.now() - start < 20_000);
      if (pid > 0) assert.not(exists(pid));
    },
    { skip: runtime === 'deno' && 'Deno has no timeout for what it waits for' },
  );
}

test.run();
