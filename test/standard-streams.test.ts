import { execFileSync, spawn } from 'child_process';
import { closeSync, constants, openSync, readFileSync } from 'fs';
import * as path from 'path';
import { Command, Fd } from 'unshare';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { exists, packageRoot, runtimePath, sleep, until } from './support';

const test = suite('standard streams');

/** For scripts: which of 0, 1 and 2 are blocking, here or in a program that says so. */
const TOOLS = `
  const unshare = require(${JSON.stringify(packageRoot)});
  const fs = require('fs');
  const { Command, Fd, Stdio } = unshare;
  const isBlocking = info => (parseInt(/flags:\\s*(\\d+)/.exec(info)[1], 8) & ${constants.O_NONBLOCK}) === 0;
  const blocking = () => [0, 1, 2].filter(n => isBlocking(fs.readFileSync('/proc/self/fdinfo/' + n, 'utf8'))).join('');
  const steps = {};
  const file = process.env.SCRATCH + '/told';
  // The program writes there how it finds its descriptor.
  const teller = number => new Command('/bin/sh').args(['-c', 'cat /proc/$$/fdinfo/' + number + ' > ' + file])
    .stdin('null').stdout('null').stderr('null');
  const told = () => isBlocking(fs.readFileSync(file, 'utf8'));
`;

/** Bun clears the flag of what it hands over, so that it has to be set afterwards, which dd does. */
const START = `for n in 3 4 5; do eval "dd iflag=nonblock count=0 <&$n 2>/dev/null"; done
  exec "$@" <&3 >&4 2>&5 3>&- 4>&- 5>&-`;

/** Runs a client whose standard streams are pipes with O_NONBLOCK. Returns what it has put into `steps`. */
async function inClient(code: string): Promise<Record<string, unknown>> {
  const scratch = makeScratch();
  const pipes = ['0', '1', '2'].map(name => {
    const fifo = path.join(scratch, name);
    execFileSync('mkfifo', [fifo]);
    return openSync(fifo, constants.O_RDWR);
  });
  const script = `${TOOLS}
    (async () => { ${code} })()
      .catch(error => { steps.error = error.stack; })
      .then(() => fs.writeFileSync(process.env.SCRATCH + '/steps', JSON.stringify(steps)));`;
  const client = new Command('/bin/sh')
    .args(['-c', START, 'sh', runtimePath, '-e', script])
    .env('SCRATCH', scratch);
  pipes.forEach((descriptor, index) => {
    client.fileDescriptor(3 + index, Fd.dupFile(descriptor));
  });
  try {
    const { status, stderr } = await client.output();
    assert.ok(status.success, `${status}: ${stderr}`);
  } finally {
    for (const descriptor of pipes) closeSync(descriptor);
  }
  return JSON.parse(readFileSync(path.join(scratch, 'steps'), 'utf8'));
}

test("a command that does not inherit the client's streams leaves them as they are", async () => {
  const steps = await inClient(`
    const command = new Command('/bin/true');
    steps.before = blocking();
    await command.output();
    steps.output = blocking();
    command.outputSync();
    steps.outputSync = blocking();
    const dedicated = new Command('/bin/true').fileDescriptor(3, Fd.dupFile(fs.openSync('/dev/null', 'r')));
    await dedicated.output();
    steps.dedicated = blocking();
    dedicated.outputSync();
    steps.dedicatedSync = blocking();`);
  assert.equal(steps, { before: '', output: '', outputSync: '', dedicated: '', dedicatedSync: '' });
});

test('a program that inherits a stream has a blocking one, and afterwards it is as it was', async () => {
  const steps = await inClient(`
    const reader = new Command('/bin/cat').stdin('piped').stderr('null');
    const first = await reader.spawn();
    steps.one = blocking();
    const second = await reader.spawn();
    first.stdin.end();
    await first.wait();
    steps.another = blocking();
    second.stdin.end();
    await second.wait();
    steps.none = blocking();
    await new Command('/missing').status().catch(() => {});
    steps.failed = blocking();
    for (const number of [0, 1, 2]) {
      const command = teller(number)[['stdin', 'stdout', 'stderr'][number]]('inherit');
      await command.status();
      const async = told();
      command.statusSync();
      const sync = told();
      await command.fileDescriptor(3, Fd.dupFile(fs.openSync('/dev/null', 'r'))).status();
      steps[number] = [async, sync, told(), blocking()];
    }`);
  // On Deno, a command with pipes has a helper of its own, which does not know of the commands of others.
  const another = runtime === 'deno' ? '' : '1';
  const found = [true, true, true, ''];
  assert.equal(steps, { one: '1', another, none: '', failed: '', 0: found, 1: found, 2: found });
});

// Deno does not hand over a descriptor of the client at a higher number than its own.
if (runtime !== 'deno') {
  test('so it is with a stream that is given to another descriptor of the program', async () => {
    const steps = await inClient(`
      const command = teller(2).stderr(Stdio.dupFile(1));
      await command.status();
      steps.async = [told(), blocking()];
      command.statusSync();
      steps.sync = [told(), blocking()];
      await teller(2).fileDescriptor(7, Fd.dupFile(1)).stderr(Stdio.sameAs(7)).status();
      steps.same = [told(), blocking()];`);
    assert.equal(steps, { async: [true, ''], sync: [true, ''], same: [true, ''] });
  });
}

// Elsewhere, the number is another file's at once.
if (runtime === 'node')
  test('a closed stream of the client is /dev/null for its programs', async () => {
    const steps = await inClient(`
    fs.closeSync(0);
    const { stdout } = await new Command('/bin/readlink').arg('/proc/self/fd/0').stdin('inherit').output();
    steps.stdin = String(stdout);
    steps.sync = String(new Command('/bin/readlink').arg('/proc/self/fd/0').stdin('inherit').outputSync().stdout);`);
    assert.equal(steps, { stdin: '/dev/null\n', sync: '/dev/null\n' });
  });

// What a program writes to its standard output, Deno writes at once, and waits for room.
if (runtime !== 'deno')
  test('a server that writes before its peer reads is not held up by a command that it runs', async () => {
    const line = `${'x'.repeat(2000)}\\n`;
    const server = spawn(
      runtimePath,
      [
        '-e',
        `const { Command } = require(${JSON.stringify(packageRoot)});
      let isFirst = true;
      require('readline').createInterface({ input: process.stdin }).on('line', async () => {
        if (isFirst) {
          isFirst = false;
          await new Command('/bin/true').output();
        }
        process.stdout.write('${line}');
      });`,
      ],
      { stdio: ['pipe', 'pipe', 'inherit'] },
    );
    server.stdout!.pause();
    await new Promise(resolve => server.stdin!.write('x'.repeat(2000).concat('\n').repeat(1500), resolve));
    server.stdin!.end();
    let size = 0;
    for await (const chunk of server.stdout!) size += chunk.length;
    assert.is(size, 1500 * 2001);
  });

test('a client that exits leaves its streams as the runtime leaves them', async () => {
  const fifo = path.join(makeScratch(), 'stdout');
  execFileSync('mkfifo', [fifo]);
  const descriptor = openSync(fifo, constants.O_RDWR);
  const code = `process.stdout.write('');
    const { Command } = require(${JSON.stringify(packageRoot)});
    new Command('/bin/sleep').arg('60').spawn().then(child => {
      require('fs').writeSync(2, String(child.pid));
      process.exit();
    });`;
  const client = spawn(runtimePath, ['-e', code], { stdio: ['ignore', descriptor, 'pipe'] });
  let pid = '';
  for await (const chunk of client.stderr!) pid += chunk;
  await until('the program has ended with its client', () => !exists(Number(pid)));
  // The helper ends right after its children.
  await sleep(200);
  const flags = /flags:\s*(\d+)/.exec(readFileSync(`/proc/self/fdinfo/${descriptor}`, 'utf8'))![1]!;
  assert.is(Number.parseInt(flags, 8) & constants.O_NONBLOCK, 0);
  closeSync(descriptor);
});

test.run();
