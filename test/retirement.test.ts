import { copyFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { runScript } from './support';
import { helperBinary } from './wrapped-helper';

const test = suite('retirement');
const skip = process.geteuid!() !== 0 && 'only root has privileges to give up';

/** The lines that a client writes, which `code` is; the helper is one that every user can start. */
async function linesOf(code: string): Promise<string[]> {
  const helper = path.join(makeScratch(), 'helper');
  copyFileSync(helperBinary, helper);
  const {
    stdout,
    stderr,
    code: exitCode,
  } = await runScript(
    `const { Command, Helper } = unshare;
    const { readdirSync, existsSync } = require('fs');
    const say = text => console.log(text);
    const shell = script => new Command('/bin/sh').args(['-c', script]);
    const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
    process.chdir('/');
    (async () => { ${code} })().catch(error => { console.error(error); process.exit(1); });`,
    { ...process.env, UNSHARE_HELPER: helper },
  );
  assert.equal([stderr, exitCode], ['', 0]);
  return stdout.trim().split('\n');
}

/** Deno cannot give up groups. Whoever starts these tests may have none but the group itself, which `id -G` names too. */
const withoutGroups = 'if (process.setgroups) process.setgroups([]);';
const kept = process.setgroups ? [] : process.getgroups!().filter(group => group !== 61238);
const groups = ['61238', ...kept].join(' ');
const noSetgroups = !process.setgroups && 'the runtime has no process.setgroups';

for (const [what, drop, ids, missing = false] of [
  ['setuid', `${withoutGroups} process.setgid(61238); process.setuid(61238);`, `61238 61238 ${groups}`],
  ['setgroups', 'process.setgroups([61238]);', '0 0 0 61238', noSetgroups],
  ['setgid', `${withoutGroups} process.setgid(61238);`, `0 61238 ${groups}`],
] as [string, string, string, (string | false)?][]) {
  test(
    `after ${what}, commands are started by a new helper, as whom the client is then`,
    async () => {
      const lines = await linesOf(`
        await shell('true').status();
        const before = Helper.shared().pid;
        ${drop}
        say(String((await shell('echo $(id -u) $(id -g) $(id -G)').output()).stdout).trim());
        say(Helper.shared().pid !== before);
        for (let time = 0; existsSync('/proc/' + before) && time < 100; time += 1) await sleep(10);
        say(existsSync('/proc/' + before));`);
      assert.equal(lines, [ids, 'true', 'false']);
    },
    { skip: skip || missing },
  );
}

test(
  'the old helper obeys nobody: what does not run yet is ended, and signals are refused; its children live on, and are reported',
  async () => {
    const lines = await linesOf(`
      const running = await shell('sleep 0.7; exit 7').spawn();
      let frozen;
      const isFrozen = new Promise(resolve => { frozen = resolve; });
      const pending = shell('touch /must-not-be').beforeUnfreeze(() => { frozen(); return new Promise(() => {}); })
        .spawn().catch(({ stage, signal }) => say(stage + ' ' + signal));
      await isFrozen;
      const old = Helper.shared().pid;
      ${withoutGroups} process.setgid(61238); process.setuid(61238);
      await running.kill().catch(({ stage, code }) => say(stage + ' ' + code));
      await pending;
      say(String((await shell('id -u').output()).stdout).trim());
      say(existsSync('/proc/' + old) + ' ' + (Helper.shared().pid !== old));
      say(String(await running.wait()));
      for (let time = 0; existsSync('/proc/' + old) && time < 100; time += 1) await sleep(10);
      say(existsSync('/proc/' + old));`);
    assert.equal(lines.slice(0, 2).sort(), ['UnknownError SIGKILL', 'WaitError EPERM']);
    assert.equal(lines.slice(2), ['61238', 'true true', 'exit status: 7', 'false']);
  },
  { skip },
);

test(
  'privileges that beforeUnfreeze gives up are not lent to the program either',
  async () => {
    const lines = await linesOf(`
      const giveUp = () => { ${withoutGroups} process.setgid(61238); process.setuid(61238); };
      const error = await shell('id -u').beforeUnfreeze(giveUp).output().catch(error => error);
      say(error.stage + ' ' + error.signal + ' ' + error.stdout);`);
    assert.equal(lines, ['UnknownError SIGKILL undefined']);
  },
  { skip },
);

test(
  'commands that wait for others are refused then',
  async () => {
    const lines = await linesOf(`
      await shell('true').status();
      const all = Array.from({ length: 400 }, () => shell('[ $(id -u) = 0 ]').status());
      // So many of them are sent (LAUNCHES_MAX), and the helper is at them.
      await sleep(0);
      ${withoutGroups} process.setgid(61238); process.setuid(61238);
      const ends = await Promise.all(all.map(end => end.then(
        ({ success }) => (success ? 'root' : 'nobody'),
        ({ stage, code }) => stage + ' ' + (code || ''),
      )));
      say([...new Set(ends)].sort().join());
      say(ends.filter(end => end === 'UnknownError EPERM').length > 100);`);
    // What is ended on its way, what is refused, and what ran already.
    assert.match(lines[0]!, /^(UnknownError ,)?UnknownError EPERM(,root)?$/);
    assert.is(lines[1], 'true');
  },
  { skip },
);

test(
  'a helper for one command retires as well',
  async () => {
    const lines = await linesOf(`
      const file = require('fs').openSync('/dev/null', 'r');
      const child = await new Command('/bin/sleep').arg('0.5').fileDescriptor(5, unshare.Fd.fromFile(file)).spawn();
      ${withoutGroups} process.setgid(61238); process.setuid(61238);
      await child.kill().catch(({ stage, code }) => say(stage + ' ' + code));
      say(String(await child.wait()));`);
    assert.equal(lines, ['WaitError EPERM', 'exit status: 0']);
  },
  { skip },
);

for (const [what, change] of [
  ['uid', 'process.seteuid(61238)'],
  ['gid', 'process.setegid(61238)'],
] as const) {
  test(
    `a client whose real and effective ${what} differ is told so`,
    async () => {
      const lines = await linesOf(`
        ${change};
        await shell('true').status().catch(({ stage, message }) => say(stage + ' ' + message));
        try { shell('true').statusSync(); } catch ({ stage, message }) { say(stage + ' ' + message); }`);
      assert.is(lines[1], lines[0]);
      assert.match(
        lines[0]!,
        new RegExp(`^Helper .*real ${what} of this process is 0 and the effective one 61238`),
      );
    },
    { skip },
  );
}

test.run();
