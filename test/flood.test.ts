import { spawn } from 'child_process';
import { existsSync, readFileSync } from 'fs';
import { Command, Helper, reapZombies, step } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { childrenOf, fixture, reachableFixture, rejection, runScript, shell, sleep, until } from './support';

/*
 * Programs that keep the helper busy: with siblings of their own (CLONE_PARENT), which are the helper's children, with news, with
 * messages.
 */

const test = suite('flood');

const RLIMIT_NPROC = 6;
/** Of `struct rlimit64`, soft and hard. */
const FEW = new Uint8Array(new BigUint64Array([BigInt(300), BigInt(300)]).buffer);

/** An own user namespace counts its own processes, but not those of the machine's root. */
const outside = process.geteuid!() === 0 ? 61_234 : process.geteuid!();
const outsideGroup = process.geteuid!() === 0 ? 61_234 : process.getegid!();

/** Makes siblings for 30 seconds, 300 at once at most: without a limit, no other test could start a process meanwhile. */
const flood = (processes = 4) =>
  new Command(reachableFixture('siblings'))
    .args(['30', String(processes)])
    .setIdMaps(
      [{ insideUid: 0, outsideUid: outside, count: 1 }],
      [{ insideGid: 0, outsideGid: outsideGroup, count: 1 }],
    )
    .preExec([step.syscall('prlimit64', 0, RLIMIT_NPROC, FEW, 0)]);

async function duration(run: () => Promise<unknown>): Promise<number> {
  const start = Date.now();
  await run();
  return Date.now() - start;
}

/** The process group of a process. */
function groupOf(pid: number): number {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[2]);
}

test('a flood of siblings: commands start, signals arrive and deadlines are met meanwhile', async () => {
  const helper = new Helper();
  const before = await shell('true').spawn({ helper });
  await before.wait();
  const start = Date.now();
  const flooded = rejection(flood(40).makeGroupLeader().output({ helper, timeout: 3000 }));
  await sleep(1000);
  // What the machine can do at such a time at all.
  const plain = await duration(() => new Promise(resolve => spawn('/bin/true').on('exit', resolve)));
  const started = await duration(() => new Command('/bin/true').status({ helper }));
  const signalled = await duration(async () => {
    const child = await new Command('/bin/sleep').arg('60').spawn({ helper });
    await child.signal('SIGTERM');
    assert.is((await child.wait()).signal, 'SIGTERM');
  });
  const limit = 5000 + 10 * plain;
  assert.ok(started < limit && signalled < limit, `${plain}, ${started}, ${signalled} ms`);
  assert.is((await flooded).code as string, 'ETIMEDOUT');
  const ended = Date.now() - start;
  assert.ok(ended >= 3000 && ended < 10_000, `the timeout of 3000 ms was met after ${ended} ms`);
  await helper.close();
});

test('siblings in the process group of a command end with it, and nobody else does', async () => {
  const helper = new Helper();
  const other = await new Command('/bin/sleep').arg('60').spawn({ helper });
  const child = await flood().makeGroupLeader().spawn({ helper });
  await sleep(200);
  await child.kill();
  await child.wait();
  const pid = helper.pid!;
  await until('no sibling is left', () => childrenOf(pid).length === 1);
  assert.equal(childrenOf(pid), [other.pid]);
  await helper.close();
});

test('a command in the process group of another one, which has ended, lives on', async () => {
  const helper = new Helper();
  const leader = await new Command('/bin/sleep').arg('60').makeGroupLeader().spawn({ helper });
  const member = await new Command('/bin/sleep')
    .arg('60')
    .preExec([step.syscall('setpgid', 0, leader.pid)])
    .spawn({ helper });
  assert.is(groupOf(member.pid), leader.pid);
  await leader.kill();
  await leader.wait();
  await shell('true').status({ helper });
  assert.is(member.tryWait(), null);
  await member.kill();
  assert.is((await member.wait()).signal, 'SIGKILL');
  await helper.close();
});

test('siblings end with the client, too', async () => {
  const { stdout, code } = await runScript(`
    const helper = unshare.Helper.shared();
    new unshare.Command(${JSON.stringify(fixture('siblings'))}).args(["30", "1"]).makeGroupLeader().spawn().then(child => {
      console.log(child.pid);
      setTimeout(() => process.exit(), 300);
    });`);
  assert.is(code, 0);
  const group = Number(stdout);
  await until('the group is empty', () => {
    try {
      process.kill(-group, 0);
      return false;
    } catch {
      return true;
    }
  });
});

test('reapZombies tells of every command that has ended, whatever the flood', async () => {
  const helper = new Helper();
  const flooding = await flood().makeGroupLeader().spawn({ helper });
  const children = await Promise.all(
    Array.from({ length: 20 }, (_, index) => shell(`exit ${index}`).spawn({ helper })),
  );
  await until('all are reaped', () => children.every(({ pid }) => !existsSync(`/proc/${pid}`)), 20_000);
  const codes: (number | null)[] = [];
  for await (const [, status] of reapZombies()) codes.push(status.code);
  assert.equal(
    codes.filter(code => code !== null).sort((a, b) => a! - b!),
    children.map((_, index) => index),
  );
  await flooding.kill();
  await helper.close();
});

test('a flood of requests of one client delays its own, and each is answered', async () => {
  const helper = new Helper();
  const child = await new Command('/bin/sleep').arg('60').spawn({ helper });
  const sent = Array.from({ length: 5000 }, () => child.signal('SIGCONT'));
  await Promise.all([...sent, shell('true').status({ helper })]);
  await child.kill();
  await helper.close();
});

test.run();
