import * as assert from 'uvu/assert';
import { suite } from './harness';
import { exists, rejection, shell, until } from './support';

const test = suite('process group');

/** A program and a child of its own, whose pid it writes. Both ignore SIGHUP, and the program does not wait for the child. */
const family = () => shell('sleep 1000 & echo $!; wait; wait').makeGroupLeader().stdout('piped');

async function started(options = {}) {
  const child = await family().spawn(options);
  for await (const line of child.stdout!.lines()) return { child, grandchild: Number(line) };
  throw new Error('it wrote nothing');
}

test('a signal for the group reaches what the program has started', async () => {
  const { child, grandchild } = await started();
  await child.signal('SIGTERM', { group: true });
  assert.is((await child.wait()).signal, 'SIGTERM');
  await until('the grandchild ends', () => !exists(grandchild));
});

test('kill for the group, and without it', async () => {
  const family = [await started(), await started()];
  await family[0]!.child.kill({ group: true });
  await family[1]!.child.kill();
  for (const { child } of family) assert.is((await child.wait()).signal, 'SIGKILL');
  await until('the first grandchild ends', () => !exists(family[0]!.grandchild));
  assert.ok(exists(family[1]!.grandchild));
  process.kill(family[1]!.grandchild, 'SIGKILL');
});

test('nothing is sent after the end of the program', async () => {
  const { child, grandchild } = await started();
  await child.kill();
  await child.wait();
  const error = await rejection(child.signal('SIGTERM', { group: true }));
  assert.is(error.code, 'ESRCH');
  assert.ok(exists(grandchild));
  process.kill(grandchild, 'SIGKILL');
});

test('a program that leads no group is a RangeError, before anything is sent', async () => {
  const child = await shell('exec sleep 1000').spawn();
  for (const send of [() => child.signal('SIGTERM', { group: true }), () => child.kill({ group: true })]) {
    const error = await rejection(send());
    assert.instance(error, RangeError);
    assert.match(error.message, 'makeGroupLeader');
  }
  await child.kill();
  assert.is((await child.wait()).signal, 'SIGKILL');
  assert.instance(await rejection(shell('').spawn({ killGroup: true })), RangeError);
  assert.instance(await rejection(shell('').output({ killGroup: true })), RangeError);
  assert.throws(() => shell('').statusSync({ killGroup: true }), RangeError);
  assert.instance(await rejection(child.signal('SIGTERM', { group: 1 as never })), TypeError);
});

test('killGroup: timeout and abort end the group', async () => {
  const { child, grandchild } = await started({ timeout: 500, killSignal: 'SIGTERM', killGroup: true });
  assert.is((await child.wait()).signal, 'SIGTERM');
  await until('the grandchild ends', () => !exists(grandchild));
  const error = await rejection(
    shell('sleep 1000 & echo $!; wait')
      .makeGroupLeader()
      .output({ timeout: 500, killGroup: true, encoding: 'utf8' }),
  );
  assert.is(error.code, 'ETIMEDOUT');
  const pid = Number((error as unknown as { stdout: string }).stdout);
  await until('the grandchild ends', () => pid > 0 && !exists(pid));
});

test('killGroup: SIGKILL after forceKillAfter ends the group', async () => {
  const script = 'trap "" TERM; (trap "" TERM; sleep 1000) & echo $!; while :; do sleep 0.1; done';
  const ignoring = shell(script).makeGroupLeader().stdout('piped');
  const options = { killGroup: true, killSignal: 'SIGTERM', forceKillAfter: 100, timeout: 300 } as const;
  const forced = await ignoring.spawn(options);
  const { value: first } = await forced.stdout!.lines().next();
  assert.is((await forced.wait()).signal, 'SIGKILL');
  await until('the grandchild ends', () => !exists(Number(first)));
});

test(
  'killGroup: disposal ends the group',
  async () => {
    const { child, grandchild } = await started({ killGroup: true });
    await child[Symbol.asyncDispose]();
    await until('the grandchild ends', () => !exists(grandchild));
  },
  { skip: typeof Symbol.asyncDispose !== 'symbol' && 'this runtime has no Symbol.asyncDispose' },
);

test('killGroup in a synchronous call', async () => {
  let pid = 0;
  try {
    shell('sleep 1000 & echo $!; wait')
      .makeGroupLeader()
      .outputSync({ timeout: 500, killGroup: true, encoding: 'utf8' });
  } catch (error) {
    assert.is((error as { code: string }).code, 'ETIMEDOUT');
    pid = Number((error as { stdout: string }).stdout);
  }
  assert.ok(pid > 0);
  await until('the grandchild ends', () => !exists(pid));
});

test.run();
