import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { runScript } from './support';

const test = suite('inherited');
const scratch = makeScratch();

/** Prints what a process has of its parent, besides what the tests of its state look at. */
const ASK = `exec > "$0"; nice; grep Cpus_allowed_list /proc/self/status; ionice -p $$; chrt -p $$ | head -1 | cut -d: -f2;
cat /proc/self/oom_score_adj; ulimit -n; ulimit -Hn; ulimit -c; ulimit -f`;

/** Changes this process, and what it may not undo, as an ordinary user. */
const CHANGES = `
  const self = String(process.pid);
  const run = (name, ...args) => execFileSync(name, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  run('chrt', '-b', '-p', '0', self);
  run('renice', '-n', '10', '-p', self);
  run('taskset', '-pc', fs.readFileSync('/proc/self/status', 'latin1').match(/Cpus_allowed_list:\\s*(\\d+)/)[1], self);
  run('ionice', '-c', '3', '-p', self);
  run('prlimit', '--pid', self, '--nofile=500:600', '--core=0:0', '--fsize=100000000:200000000');
  fs.writeFileSync('/proc/self/oom_score_adj', '500');
`;

const PRELUDE = `
  const { Command, Helper } = unshare;
  const fs = require('fs');
  const { execFileSync, spawnSync } = require('child_process');
  const maps = [
    [{ insideUid: 0, outsideUid: process.geteuid(), count: 1 }],
    [{ insideGid: 0, outsideGid: process.getegid(), count: 1 }],
  ];
  const ways = {
    plain: command => command,
    'a user namespace': command => command.unshare('user').setIdMaps(...maps),
    'a pid namespace': command => command.unshare('user', 'pid').setIdMaps(...maps),
    'a time namespace': command => command.unshare('user', 'time').setIdMaps(...maps),
    steps: command => command.preExec([unshare.step.syscall('getpid')]),
  };
  const ask = ${JSON.stringify(ASK)};
  let files = 0;
  const file = () => ${JSON.stringify(path.join(scratch, 'told-'))} + process.pid + '-' + files++;
  const quiet = command => command.stdin('null').stdout('null').stderr('null');
  async function told(prepare = command => command) {
    const name = file();
    await prepare(quiet(new Command('/bin/sh').args(['-c', ask, name]))).status();
    return fs.readFileSync(name, 'utf8');
  }
  function toldByRuntime() {
    const name = file();
    spawnSync('/bin/sh', ['-c', ask, name]);
    return fs.readFileSync(name, 'utf8');
  }
`;

test('programs have what the client has changed since the start of the helper', async () => {
  const { stdout, stderr, code } = await runScript(`${PRELUDE}
    (async () => {
      const before = await told();
      const pid = Helper.shared().pid;
      ${CHANGES}
      const seen = { before, after: toldByRuntime() };
      for (const [name, prepare] of Object.entries(ways)) seen[name] = await told(prepare);
      console.log(JSON.stringify(seen));
      if (pid !== Helper.shared().pid) throw new Error('another helper');
    })();
  `);
  assert.is(code, 0, stderr);
  const { before, after, ...ways } = JSON.parse(stdout);
  // All of it was changed.
  const lines = (text: string) => text.trim().split('\n');
  assert.is(lines(after).length, 9);
  for (const line of [0, 2, 3, 4, 5, 6, 8]) assert.is.not(lines(before)[line], lines(after)[line]);
  for (const [name, seen] of Object.entries(ways)) assert.is(seen, after, name);
});

test.run();
