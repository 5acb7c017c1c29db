import { openSync, readFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command, Fd, Helper, Stdio, UnshareError } from 'unshare';
import * as assert from 'uvu/assert';
import { Worker } from 'worker_threads';
import { Controller } from './abort-controller';
import { suite } from './harness';
import { makeScratch } from './scratch';
import {
  childrenOf,
  descriptorsOf,
  exists,
  packageRoot,
  rejection,
  rootMaps,
  runScript,
  shell,
  startScript,
  until,
} from './support';
import { wrappedHelper } from './wrapped-helper';

const test = suite('synchronous calls');

type Caught = UnshareError & { stdout: Buffer };

/** What `run` throws. */
function thrown(run: () => unknown): Caught {
  try {
    run();
  } catch (error) {
    return error as Caught;
  }
  throw new Error('it did not throw');
}

test('statusSync: exit codes and signals', () => {
  for (const code of [0, 1, 127, 200, 255]) assert.is(shell(`exit ${code}`).statusSync().code, code);
  assert.is(shell('kill -9 $$').statusSync().signal, 'SIGKILL');
  assert.is(shell('kill -40 $$').statusSync().signal, 'SIGRT_8');
  assert.ok(shell('true').statusSync().resourceUsage.maxRSS > 0);
});

test('outputSync: both outputs, from real pipes', () => {
  const { stdout, stderr, status } = shell(
    'echo out; echo err > /dev/stderr; readlink /proc/self/fd/1',
  ).outputSync();
  assert.match(stdout.toString(), /^out\npipe:\[\d+\]\n$/);
  assert.is(stderr.toString(), 'err\n');
  assert.ok(status.success);
});

test('outputSync: input', () => {
  const cat = shell('cat /dev/stdin');
  assert.is(cat.outputSync({ input: 'téxt' }).stdout.toString(), 'téxt');
  assert.is(cat.outputSync({ input: Uint8Array.of(0, 255) }).stdout.toString('hex'), '00ff');
  const large = Buffer.alloc(30_000_000, 'abc');
  assert.ok(cat.outputSync({ input: large }).stdout.equals(large));
  assert.is(cat.outputSync().stdout.length, 0);
  assert.instance(
    thrown(() => cat.outputSync({ input: 5 as unknown as string })),
    TypeError,
  );
  assert.instance(
    thrown(() => shell('').stdin('null').outputSync({ input: '' })),
    TypeError,
  );
});

test('outputSync: the program cannot write to its input', () => {
  const input = Buffer.alloc(100_000, 'input');
  // Each prints its name if it succeeds.
  const attacks = [
    'chmod 600 /proc/self/fd/0; echo x >&0 && echo inherited',
    'echo x > /proc/self/fd/0 && echo truncated',
    'echo x >> /proc/self/fd/0 && echo appended',
    'echo x 1<> /proc/self/fd/0 && echo overwritten',
    'truncate -s 0 /proc/self/fd/0 && echo shorter',
    'truncate -s 1G /proc/self/fd/0 && echo longer',
    'head -c 1000000 /dev/zero >> /proc/self/fd/0 && echo more',
  ];
  const script = `{ ${attacks.join('; ')}; } 2>/dev/null; wc -c < /proc/self/fd/0; cat`;
  for (const prepare of [
    (command: Command) => command,
    (command: Command) => command.unshare('user').setIdMaps(...rootMaps()),
  ]) {
    const { stdout } = prepare(shell(script)).outputSync({ input });
    assert.is(stdout.slice(0, 20).toString(), `${input.length}\n${input}`.slice(0, 20));
    assert.is(stdout.length, input.length + `${input.length}\n`.length);
  }
  assert.is(
    shell('echo x >&0 2>/dev/null || echo refused').outputSync({ input: '' }).stdout.toString(),
    'refused\n',
  );
});

test('pipes that nobody reads from or writes to: the end of a file, and nothing', () => {
  const command = shell('cat; echo dropped').stdin('piped').stdout('piped');
  assert.ok(command.statusSync().success);
  assert.is(shell('cat; echo x').stdin('piped').outputSync().stdout.toString(), 'x\n');
});

test("inherited output is the client's", async () => {
  const { stdout, stderr } = await runScript(`
    const command = new unshare.Command('/bin/sh').args(['-c', 'echo to stdout; echo to stderr >&2']);
    command.statusSync();
    console.log(String(command.stderr('inherit').outputSync().stdout).length);`);
  assert.equal([stdout, stderr], ['to stdout\n10\n', 'to stderr\nto stderr\n']);
});

test('arguments and environment as large as the kernel takes', () => {
  // MAX_ARG_STRLEN, man 2 execve.
  const long = 'x'.repeat(131_071);
  const many = new Array(15).fill(long);
  const { stdout } = shell('shift; echo "$#"; printf "%s" "$1" | wc -c; printf "%s" "$LONG" | wc -c')
    .arg('sh')
    .arg('a')
    .args(many)
    .env('LONG', 'y'.repeat(100_000))
    .outputSync();
  assert.is(stdout.toString(), '15\n131071\n100000\n');
  const error = thrown(() => shell('true').arg(`${long}y`).statusSync());
  assert.equal([error.stage, error.code], ['Exec', 'E2BIG']);
  assert.is(
    thrown(() =>
      shell('true')
        .arg('x'.repeat(9 << 20))
        .statusSync(),
    ).stage,
    'Limit',
  );
});

test('the same errors as of a spawn', async () => {
  const commands = [
    new Command('/missing'),
    new Command('/bin/true').currentDir('/missing'),
    new Command('/bin/true').unshare('user').setIdMaps([], []).uid(7),
    new Command('/bin/true')
      .chrootDir('/missing')
      .unshare('user')
      .setIdMaps(...rootMaps()),
    new Command('/bin/true').fileDescriptor(4, Fd.dupFile(9999)),
  ];
  for (const command of commands) {
    const expected = await rejection(command.status());
    const error = thrown(() => command.statusSync());
    assert.instance(error, UnshareError);
    assert.equal(
      [error.stage, error.code, error.item, error.message],
      [expected.stage, expected.code, expected.item, expected.message],
    );
  }
});

test('namespaces, ids and descriptors of the client', () => {
  const file = openSync('/proc/version', 'r');
  const { stdout } = shell('id -u; echo $$; cat <&5; cat')
    .unshare('user', 'pid')
    .setIdMaps(...rootMaps())
    .fileDescriptor(5, Fd.fromFile(file))
    .outputSync({ input: 'end' });
  assert.is(stdout.toString(), `0\n1\n${readFileSync('/proc/version')}end`);
  const error = thrown(() => shell('true').stdin(Stdio.dupFile(file)).statusSync());
  assert.equal([error.stage, error.code], ['StdioError', 'EBADF']);
});

test('what takes a client that does not wait is refused, and nothing is started', () => {
  const frozen = thrown(() =>
    shell('true')
      .beforeUnfreeze(() => {})
      .statusSync(),
  );
  assert.is(frozen.stage, 'BeforeUnfreeze');
  const piped = thrown(() => shell('true').fileDescriptor(5, Fd.pipedWrite()).outputSync());
  assert.equal([piped.stage, piped.item], ['StdioError', '5']);
  const reason = new Error('enough');
  const controller = new Controller();
  controller.abort(reason);
  assert.is(
    thrown(() => shell('true').statusSync({ signal: controller })),
    reason,
  );
});

test('timeout and killSignal', () => {
  const start = Date.now();
  const error = thrown(() => shell('echo early; sleep 100').outputSync({ timeout: 200 }));
  assert.equal([error.code, `${error.stdout}`], ['ETIMEDOUT', 'early\n']);
  assert.is(thrown(() => shell('sleep 100').statusSync({ timeout: 100 })).code, 'ETIMEDOUT');
  const file = path.join(makeScratch(), 'trapped');
  const trapped = shell(`trap "echo yes > ${file}; exit 0" TERM; while :; do sleep 0.02; done`);
  assert.is(thrown(() => trapped.statusSync({ timeout: 200, killSignal: 'SIGTERM' })).code, 'ETIMEDOUT');
  assert.is(readFileSync(file, 'utf8'), 'yes\n');
  assert.ok(Date.now() - start < 10_000);
  assert.ok(shell('true').statusSync({ timeout: 100_000 }).success);
});

test('timeout before the program runs', () => {
  const hanging = path.join(makeScratch(), 'hanging');
  writeFileSync(hanging, '#!/bin/sh\nsleep 20\n', { mode: 0o755 });
  const start = Date.now();
  const command = new Command('/bin/true').setIdMaps(...rootMaps()).setIdMapCommands(hanging, '/bin/true');
  assert.is(thrown(() => command.statusSync({ timeout: 200 })).code, 'ETIMEDOUT');
  assert.ok(Date.now() - start < 10_000);
});

test('maxBuffer', () => {
  for (const stream of ['stdout', 'stderr'] as const) {
    const redirect = stream === 'stdout' ? '' : '>&2';
    assert.is(shell(`printf 12345 ${redirect}`).outputSync({ maxBuffer: 5 })[stream].toString(), '12345');
    const error = thrown(() =>
      shell(`printf 123456 ${redirect}; sleep 100`).outputSync({ maxBuffer: 5 }),
    ) as unknown as Record<string, unknown>;
    assert.equal(
      [error.code, error.message, `${error[stream]}`],
      ['ERR_CHILD_PROCESS_STDIO_MAXBUFFER', `${stream} maxBuffer length exceeded`, '12345'],
    );
  }
  assert.is(shell('head -c 60000000 /dev/zero').outputSync().stdout.length, 60_000_000);
});

test('a process that holds the pipes is waited for, but not past a limit', () => {
  assert.is(shell('(sleep 0.3; echo late) & echo early').outputSync().stdout.toString(), 'early\nlate\n');
  const start = Date.now();
  assert.is(
    thrown(() => shell('sleep 20 & echo early').outputSync({ timeout: 1000 })).stdout.toString(),
    'early\n',
  );
  assert.is(
    thrown(() => shell('sleep 20 & echo early; wait').outputSync({ maxBuffer: 2 })).stdout.toString(),
    'ea',
  );
  assert.ok(Date.now() - start < 15_000);
});

test('nothing is left: no process, no descriptor, no file', () => {
  const before = { descriptors: descriptorsOf(process.pid).size, children: childrenOf(process.pid).length };
  for (let time = 0; time < 20; time += 1) {
    shell('true').outputSync({ input: 'x' });
    thrown(() => new Command('/missing').statusSync());
    thrown(() => shell('sleep 9').statusSync({ timeout: 5 }));
  }
  // The runtime may close some of its own meanwhile.
  assert.ok(descriptorsOf(process.pid).size <= before.descriptors);
  assert.is(childrenOf(process.pid).length, before.children);
});

test('a client that is killed meanwhile takes the program with it', async () => {
  const client = startScript(
    `new unshare.Command('/bin/sh').args(['-c', 'echo $$; exec sleep 100']).statusSync();`,
  );
  const pid = await new Promise<number>(resolve =>
    client.stdout.once('data', chunk => resolve(Number(chunk))),
  );
  assert.ok(exists(pid));
  client.kill('SIGKILL');
  await until('the program is gone', () => !exists(pid));
});

test('a helper that cannot be started, is killed, or says nothing', () => {
  assert.equal(
    [thrown(() => shell('true').statusSync({ helper: new Helper({ path: '/missing' }) })).stage],
    ['Helper'],
  );
  const killed = thrown(() => shell('true').statusSync({ helper: wrappedHelper('kill -9 $$') }));
  assert.is(killed.stage, 'Helper');
  assert.match(killed.message, 'was killed by SIGKILL');
  const silent = thrown(() => shell('true').statusSync({ helper: wrappedHelper('exit 0') }));
  assert.match(silent.message, 'no answer');
  const babbling = thrown(() =>
    shell('true').statusSync({ helper: wrappedHelper('printf "\\\\001\\\\377" >&3') }),
  );
  assert.ok(babbling.stage === 'Protocol' || babbling.stage === 'Helper');
});

test('a helper that was closed', async () => {
  const helper = new Helper();
  await helper.close();
  assert.match(thrown(() => shell('true').statusSync({ helper })).message, 'closed');
});

test('from a worker thread', async () => {
  const worker = new Worker(
    `const { Command } = require(${JSON.stringify(packageRoot)});
    const { parentPort } = require('worker_threads');
    const { stdout, status } = new Command('/bin/sh').args(['-c', 'echo from a worker; cat']).outputSync({ input: '!' });
    parentPort.postMessage(String(stdout) + status);`,
    { eval: true },
  );
  const said = await new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
  assert.is(said, 'from a worker\n!exit status: 0');
});

test.run();
