import { spawnSync } from 'child_process';
import { closeSync, openSync, readFileSync } from 'fs';
import * as path from 'path';
import { AT_FDCWD, Helper, O_RDONLY, step } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { memoryHas } from './memory';
import { makeScratch } from './scratch';
import { childrenOf, rootMaps, shell, until } from './support';
import { wrappedHelper } from './wrapped-helper';

/** What a program can see of other commands of its client before they are programs. */
const test = suite('hiding');

const SECRET = 'environment-of-another-command';

/** Several at once: each is started from memory of its own, and the helper has received them last. */
async function runSecretCommands(helper: Helper): Promise<void> {
  await Promise.all(
    Array.from({ length: 3 }, () => shell('true').env('SECRET', SECRET.repeat(200)).status({ helper })),
  );
}

for (const [name, prepare] of [
  ['a new process', () => shell('true').envClear().makeGroupLeader(true)],
  [
    'one in a new namespace',
    () =>
      shell('true')
        .envClear()
        .unshare('user')
        .setIdMaps(...rootMaps()),
  ],
  [
    'one that a joiner has made',
    () =>
      shell('true')
        .envClear()
        .unshare('user', 'time')
        .setIdMaps(...rootMaps()),
  ],
] as const) {
  test(`${name} has nothing of other commands in its memory`, async () => {
    const helper = new Helper();
    await runSecretCommands(helper);
    assert.ok(memoryHas(helper.pid!, SECRET), 'the helper has it');
    let looked = false;
    await prepare()
      .beforeUnfreeze(async pid => {
        // It may not have come to it yet.
        await until('it has nothing of them', () => !memoryHas(pid, SECRET));
        looked = true;
      })
      .status({ helper });
    assert.ok(looked);
    await helper.close();
  });
}

const withoutRoot =
  process.geteuid!() !== 0 && 'the kernel compares capabilities, of which an ordinary user has none';

/** What a program that is root without capabilities finds of a process of the helper's that it may trace, or may not. */
async function lookAt(pid: number): Promise<string> {
  const look = `readlink /proc/${pid}/exe >/dev/null && echo traced || echo refused`;
  const { stdout } = await shell(look).keepCaps([]).stderr('null').output();
  return stdout.toString().trim();
}

/** With all capabilities, and with those that Docker gives to a container. */
const helpers: [name: string, make: () => Helper][] = [
  ['with CAP_SYS_PTRACE', () => new Helper()],
  ['without it', () => wrappedHelper('exec setpriv --bounding-set -sys_ptrace "$helper" "$@"')],
];

for (const [name, make] of helpers) {
  test(
    `root without capabilities cannot trace a process that has dropped them, before execve; the helper is ${name}`,
    async () => {
      const helper = make();
      const fifo = path.join(makeScratch(), 'fifo');
      assert.is(spawnSync('mkfifo', [fifo]).status, 0);
      // After capset, this one waits until somebody writes.
      const status = shell('true')
        .keepCaps([])
        .preExec([step.syscall('openat', AT_FDCWD, fifo, O_RDONLY)])
        .status({ helper });
      let pid = 0;
      await until('it has no capabilities any more', () => {
        pid = childrenOf(helper.pid!)[0] ?? 0;
        return pid > 0 && /^CapPrm:\t0+$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
      });
      const seen = await lookAt(pid);
      closeSync(openSync(fifo, 'w'));
      assert.ok((await status).success);
      assert.is(seen, 'refused');
      await helper.close();
    },
    { skip: withoutRoot },
  );
}

test(
  'root without capabilities, the owner of a new user namespace, cannot trace the process in there',
  async () => {
    let seen = '';
    await shell('true')
      .unshare('user')
      .setIdMaps(...rootMaps())
      .beforeUnfreeze(async pid => {
        seen = await lookAt(pid);
      })
      .status();
    assert.is(seen, 'refused');
  },
  { skip: withoutRoot },
);

test('a process of an ordinary user can write its own oom_score_adj before execve', async () => {
  const { stdout } = await shell('cat /proc/self/oom_score_adj')
    .unshare('user')
    .setIdMaps(...rootMaps())
    .preExec([
      step.syscall('openat', AT_FDCWD, '/proc/self/oom_score_adj', 1),
      step.syscall('write', step.result(0), '900', 3),
    ])
    .output();
  assert.is(stdout.toString(), '900\n');
});

test.run();
