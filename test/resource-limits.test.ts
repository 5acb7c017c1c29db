import { spawnSync } from 'child_process';
import { existsSync } from 'fs';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import { packageRoot, stateOf } from './support';

/*
 * Every resource limit (man 2 setrlimit) at small values, set before the client starts: a command does what it does by
 * `child_process`. Values by which the runtime itself dies say nothing.
 */

const test = suite('resource limits');
const prlimit = '/usr/bin/prlimit';

const values: Record<string, string[]> = {
  AS: ['0', '1048576', '4294967296'],
  CORE: ['0', '1'],
  CPU: ['1:10', '10'],
  DATA: ['65536', '1048576', '1073741824'],
  FSIZE: ['0', '1', '1024', '10240', '0:'],
  LOCKS: ['0', '1'],
  MEMLOCK: ['0', '1', '65536'],
  MSGQUEUE: ['0', '1'],
  NICE: ['0'],
  NOFILE: ['4', '32', '64', '64:'],
  NPROC: ['0', '1'],
  RSS: ['0', '1'],
  RTPRIO: ['0'],
  RTTIME: ['0', '1'],
  SIGPENDING: ['0', '1'],
  STACK: ['16384', '65536', '262144'],
};

const client = `
  const { Command } = require(${JSON.stringify(packageRoot)});
  const { spawn, spawnSync } = require('child_process');
  const echo = () => new Command('/bin/echo').arg('hi');
  const told = ({ stage, code, status, signal, stdout }) => stage ? stage + ' ' + code : code || status || signal || String(stdout);
  const plain = () => new Promise((resolve, reject) => {
    let stdout = '';
    const child = spawn('/bin/echo', ['hi'], { stdio: ['ignore', 'pipe', 'inherit'] });
    child.on('error', reject).on('close', (status, signal) => resolve({ status, signal, stdout }));
    child.stdout.on('data', data => { stdout += data; });
  });
  const ours = command => command.output().then(({ status, stdout }) => ({ status: status.code, signal: status.signal, stdout }));
  (async () => {
    const found = [];
    for (const run of [plain, () => ours(echo()), () => ours(echo().unshare('user', 'pid'))]) found.push(await run().then(told, told));
    const { error, ...result } = spawnSync('/bin/echo', ['hi']);
    found.push(told(error || result));
    try { found.push(String(echo().outputSync().stdout)); } catch (error) { found.push(told(error) + ': ' + error.hint); }
    require('fs').writeSync(1, JSON.stringify(found));
    process.exit();
  })();`;

/** What the runtime says that has this limit, or null where it cannot live with it. */
function underLimit(name: string, value: string): string[] | null {
  const limit = value.includes(':') ? value : `${value}:${value}`;
  const options = { encoding: 'utf8', timeout: 30_000 } as const;
  const { stdout } = spawnSync(
    prlimit,
    [`--${name.toLowerCase()}=${limit}`, process.execPath, '-e', client],
    options,
  );
  return stdout === '' ? null : JSON.parse(stdout);
}

const skip =
  (!existsSync(prlimit) && 'prlimit is not installed') ||
  (runtime !== 'node' && 'the limits are those of the machine, not of the runtime');

for (const name of Object.keys(values)) {
  for (const value of values[name]!) {
    test(
      `RLIMIT_${name} ${value}: a command does what it does by child_process`,
      () => {
        const found = underLimit(name, value);
        if (found === null) return;
        const [plain, ours, inside, plainSync, sync] = found as [string, string, string, string, string];
        if (plain === 'hi\n') assert.equal([ours, inside], [plain, plain]);
        // Such a call hands its command to the helper in a file.
        if (name === 'FSIZE' && parseInt(value, 10) < 4096) assert.match(sync, /^Helper EFBIG: .*ulimit -f/);
        else if (plainSync === 'hi\n') assert.is(sync, plainSync);
      },
      { skip },
    );
  }
}

test(
  'a low limit on the size of files: the helper is not sealed and says why; below its hard limit it is, and children have the soft one',
  async () => {
    const code = `
      const { Command, Helper } = require(${JSON.stringify(packageRoot)});
      (async () => {
        const { sealed, unsealedReason } = await Helper.shared().greeting();
        const { stdout } = await new Command('/bin/cat').arg('/proc/self/limits').output();
        console.log(JSON.stringify([sealed, unsealedReason, /Max file size +(\\S+)/.exec(stdout)[1]]));
      })();`;
    const run = (limit: string) => {
      const { stdout } = spawnSync(prlimit, [`--fsize=${limit}`, process.execPath, '-e', code], {
        encoding: 'utf8',
      });
      return JSON.parse(stdout);
    };
    assert.equal(run('1024:1024'), [false, 'RLIMIT_FSIZE', '1024']);
    assert.equal(run('1024:'), [true, '', '1024']);
    const { limits } = await stateOf();
    assert.ok(limits.every(({ soft, hard }) => hard === null || (soft !== null && soft <= hard)));
  },
  { skip },
);

test(
  'the soft limit on the size of files is no limit for the answer of a synchronous call',
  () => {
    const code = `
      const { Command } = require(${JSON.stringify(packageRoot)});
      const size = n => { try { new Command('/bin/true').envClear().arg('x'.repeat(n)).statusSync(); return 'runs'; }
        catch (error) { return error.stage + ' ' + error.code; } };
      console.log(JSON.stringify([...new Set(Array.from({ length: 60 }, (_, index) => size(3600 + 8 * index)))]));`;
    const { stdout } = spawnSync(prlimit, ['--fsize=4096:', process.execPath, '-e', code], {
      encoding: 'utf8',
    });
    assert.equal(JSON.parse(stdout), ['runs', 'Helper EFBIG']);
  },
  { skip },
);

test.run();
