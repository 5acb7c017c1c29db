import { Command, step } from 'unshare';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import { exists, packageRoot, runScript, runtimePath, until } from './support';

/*
 * What the helper does when its client has ended. The client of these tests is a subreaper, which stands for process 1 of a
 * container: it gets what is orphaned, and does not reap it.
 */

const test = suite('helper end');

/** PR_SET_CHILD_SUBREAPER, man 2 prctl. */
const SUBREAPER = 36;

const prelude = `
  const { readdirSync, readFileSync } = require('fs');
  const unshare = require(${JSON.stringify(packageRoot)});
  const { Command, Helper } = unshare;
  /** Names of the zombies that are this process's children. */
  const zombies = () => readdirSync('/proc').filter(name => /^\\d+$/.test(name)).flatMap(name => {
    try {
      const [, shown, rest] = /\\((.*)\\) (.*)/s.exec(readFileSync('/proc/' + name + '/stat', 'utf8'));
      const [state, parent] = rest.split(' ');
      return state === 'Z' && Number(parent) === process.pid ? [shown] : [];
    } catch {
      return [];
    }
  });
  const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));`;

/** What `code` prints in a client that gets the orphans. */
async function inSubreaper(code: string): Promise<string> {
  const { stdout, stderr, status } = await new Command(runtimePath)
    .args(['-e', `${prelude}\n(async () => {${code}})();`])
    .preExec([step.syscall('prctl', SUBREAPER, 1, 0, 0, 0)])
    .output();
  assert.ok(status.success, `${status}: ${stderr}`);
  return stdout.toString();
}

test('close() leaves no zombie: the helper ends after its children', async () => {
  const text = await inSubreaper(`
    for (let time = 0; time < 20; time += 1) {
      const helper = new Helper();
      await Promise.all(Array.from({ length: 10 }, () => new Command('/bin/sleep').arg('60').spawn({ helper })));
      await helper.close();
    }
    console.log(JSON.stringify(zombies()));`);
  assert.is(text, '[]\n');
});

test(
  'what ended worker threads have started is no zombie; their helpers are, until the process ends',
  async () => {
    const text = await inSubreaper(`
    const { Worker } = require('worker_threads');
    const code = \`
      const { Command } = require(${JSON.stringify(packageRoot)});
      Promise.all(Array.from({ length: 10 }, () => new Command('/bin/sleep').arg('60').spawn()))
        .then(() => require('worker_threads').parentPort.postMessage('started'));\`;
    for (let time = 0; time < 5; time += 1) {
      const worker = new Worker(code, { eval: true });
      await new Promise((resolve, reject) => worker.on('message', resolve).on('error', reject));
      await worker.terminate();
    }
    const end = Date.now() + 10000;
    while (zombies().length < 5 && Date.now() < end) await sleep(20);
    console.log(JSON.stringify([...new Set(zombies())]));`);
    assert.is(text, '["unshare-helper"]\n');
  },
  { skip: runtime !== 'node' && 'of Node, which does not wait for the processes of ended threads' },
);

test('a program without a parent death signal lives on', async () => {
  const { stdout } = await runScript(`
    new unshare.Command('/bin/sleep').arg('60').allowDaemonize().stdout('null').stderr('null').spawn().then(async child => {
      await unshare.Helper.shared().close();
      console.log(child.pid);
      process.exit();
    });`);
  const pid = Number(stdout);
  assert.ok(exists(pid));
  process.kill(pid, 'SIGKILL');
});

test('a program gets the death signal that it is to have, and has a second to end by it', async () => {
  const text = await inSubreaper(`
    const helper = new Helper();
    const child = await new Command('/bin/sh').args(['-c', 'trap "echo got it; exit" TERM; echo ready; while :; do sleep 0.05; done'])
      .setParentDeathSignal('SIGTERM').stdout('piped').spawn({ helper });
    let text = '';
    child.stdout.on('data', data => { text += data; });
    while (!text.includes('ready')) await sleep(5);
    const closed = helper.close();
    await new Promise(resolve => child.stdout.on('close', resolve));
    await closed;
    process.stdout.write(text + JSON.stringify(zombies().filter(name => name !== 'sleep')) + '\\n');`);
  assert.is(text, 'ready\ngot it\n[]\n');
});

test('one that does not end by its death signal holds up the helper for a second, not for ever', async () => {
  const { stdout } = await runScript(`
    new unshare.Command('/bin/sh').args(['-c', 'trap "" TERM; echo; exec sleep 60']).stdout('piped').stderr('null').setParentDeathSignal('SIGTERM')
      .spawn().then(async child => {
        await new Promise(resolve => child.stdout.once('data', resolve));
        const start = Date.now();
        await unshare.Helper.shared().close();
        console.log(JSON.stringify([child.pid, Date.now() - start]));
        process.exit();
      });`);
  const [pid, ms] = JSON.parse(stdout) as [number, number];
  assert.ok(exists(pid));
  process.kill(pid, 'SIGKILL');
  assert.ok(ms >= 900 && ms < 10_000, `${ms} ms`);
});

test('a helper that is stopped goes on when its client ends, and ends its children', async () => {
  const { stdout } = await runScript(`
    new unshare.Command('/bin/sleep').arg('60').spawn().then(child => {
      const { pid } = unshare.Helper.shared();
      process.kill(pid, 'SIGSTOP');
      console.log(JSON.stringify([pid, child.pid]));
      setTimeout(() => process.kill(process.pid, 'SIGKILL'), 100);
    });`);
  for (const pid of JSON.parse(stdout) as number[]) await until(`${pid} has ended`, () => !exists(pid));
});

test.run();
