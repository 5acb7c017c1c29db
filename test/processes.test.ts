import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import { exists, packageRoot, runScript, startScript, until } from './support';

const test = suite('threads and processes');

/** What a worker thread runs: it has the package, and says who its helper is after a command. */
const worker = `
  const { parentPort, workerData } = require('worker_threads');
  const { Command, Helper } = require(${JSON.stringify(packageRoot)});
  (async () => {
    await new Command('/bin/true').status();
    const child = await new Command('/bin/sleep').arg('60').stdin('null').stdout('null').stderr('null').spawn();
    parentPort.postMessage([Helper.shared().pid, child.pid]);
    child.wait().catch(() => {});
    parentPort.on('message', async code => {
      const status = await new Command('/bin/sh').args(['-c', 'exit ' + code]).status();
      parentPort.postMessage(status.code);
    });
  })();`;

test(
  'worker threads have helpers of their own, and the end of one disturbs nobody',
  async () => {
    const { stdout, stderr } = await runScript(`
    const { Worker } = require('worker_threads');
    const worker = ${JSON.stringify(worker)};
    const said = thread => new Promise((resolve, reject) => thread.once('message', resolve).once('error', reject));
    // Node leaves what a thread has started to be reaped by nobody, when it ends that thread.
    const alive = pid => {
      try { return !/^State:\\tZ/m.test(require('fs').readFileSync('/proc/' + pid + '/status', 'utf8')); } catch { return false; }
    };
    const gone = async pids => { while (pids.some(alive)) await new Promise(resolve => setTimeout(resolve, 5)); };
    (async () => {
      await new unshare.Command('/bin/true').status();
      const own = unshare.Helper.shared().pid;
      const threads = [1, 2, 3].map(() => new Worker(worker, { eval: true }));
      const pids = await Promise.all(threads.map(said));
      console.log(new Set([own, ...pids.map(([helper]) => helper)]).size);
      await threads[0].terminate();
      await gone(pids[0]);
      console.log(pids[1].every(alive) && pids[2].every(alive) && alive(own));
      threads[1].postMessage(7);
      console.log(await said(threads[1]), (await new unshare.Command('/bin/true').status()).code);
      await Promise.all(threads.map(thread => thread.terminate()));
      await gone([...pids[1], ...pids[2]]);
      console.log(alive(own), (await new unshare.Command('/bin/true').status()).code);
    })();`);
    assert.equal([stderr, stdout], ['', '4\ntrue\n7 0\ntrue 0\n']);
  },
  { skip: runtime === 'deno' && 'Deno closes nothing of a worker thread that is ended from outside' },
);

test("a worker thread closes nobody else's files at its end", async () => {
  const thread = `
    const { parentPort } = require('worker_threads');
    const { Command, Helper } = require(${JSON.stringify(packageRoot)});
    (async () => {
      await new Command('/bin/echo').output();
      await Helper.shared().close();
      parentPort.once('message', () => process.exit());
      // The sockets are closed by then.
      setImmediate(() => parentPort.postMessage('done'));
    })();`;
  const { stdout, stderr } = await runScript(`
    const { Worker } = require('worker_threads');
    const { fstatSync, openSync } = require('fs');
    const thread = new Worker(${JSON.stringify(thread)}, { eval: true });
    thread.once('message', () => {
      // Among them the numbers that the pipes had.
      const files = Array.from({ length: 20 }, () => openSync('/proc/version', 'r'));
      thread.postMessage('end');
      thread.once('exit', () => {
        for (const file of files) fstatSync(file);
        console.log('open');
      });
    });`);
  assert.equal([stderr, stdout], ['', 'open\n']);
});

test('cluster and fork: each process has a helper of its own, which ends with it', async () => {
  const { stdout, stderr, code } = await runScript(`
    const cluster = require('cluster');
    const { fork } = require('child_process');
    const { writeFileSync, mkdtempSync, unlinkSync, rmdirSync } = require('fs');
    const directory = mkdtempSync(require('os').tmpdir() + '/unshare-test-');
    const file = directory + '/process.js';
    writeFileSync(file, \`
      const { Command, Helper } = require(${JSON.stringify(packageRoot)});
      const { readFileSync, unlinkSync } = require('fs');
      // Into a file: a pipe takes a helper of its own on some runtimes.
      const told = __filename + process.pid;
      new Command('/bin/sh').args(['-c', 'echo $PPID > "$0"', told]).status().then(() => {
        const parent = Number(readFileSync(told));
        unlinkSync(told);
        process.send([Helper.shared().pid, parent], () => process.disconnect());
      });\`);
    cluster.setupMaster({ exec: file, execArgv: [] });
    (async () => {
      await new unshare.Command('/bin/true').status();
      const processes = [fork(file, { execArgv: [] }), fork(file, { execArgv: [] }), cluster.fork().process];
      const said = await Promise.all(processes.map(one => new Promise(resolve => one.once('message', message => resolve(message)))));
      const helpers = said.map(([helper]) => helper);
      console.log(said.every(([helper, parent]) => helper === parent), new Set([...helpers, unshare.Helper.shared().pid]).size);
      await Promise.all(processes.map(one => one.exitCode === null && new Promise(resolve => one.once('exit', resolve))));
      console.log((await new unshare.Command('/bin/true').status()).code);
      console.log(JSON.stringify(helpers));
      unlinkSync(file);
      rmdirSync(directory);
    })();`);
  assert.equal([stderr, code], ['', 0]);
  const [first, second, helpers] = stdout.trim().split('\n') as [string, string, string];
  assert.equal([first, second], ['true 4', '0']);
  await until('their helpers are gone', () => !(JSON.parse(helpers) as number[]).some(exists));
});

test('a process that the client forks by other means holds nothing of the helper open', async () => {
  const script = startScript(`
    (async () => {
      const child = await new unshare.Command('/bin/sleep').arg('60').stdin('null').stdout('null').stderr('null').spawn();
      const other = require('child_process').spawn('/bin/sleep', ['60'], { detached: true, stdio: 'ignore' });
      console.log(JSON.stringify([child.pid, unshare.Helper.shared().pid, other.pid]));
    })();`);
  const [child, helper, other] = JSON.parse(
    await new Promise<string>(resolve => script.stdout.once('data', chunk => resolve(String(chunk)))),
  ) as [number, number, number];
  script.kill('SIGKILL');
  await until('helper and child are gone', () => !exists(child) && !exists(helper));
  assert.ok(exists(other));
  process.kill(other, 'SIGKILL');
});

test.run();
