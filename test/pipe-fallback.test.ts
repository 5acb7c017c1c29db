import { chmodSync, copyFileSync, statSync } from 'fs';
import * as path from 'path';
import { Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { arePipesReachable } from '../client/pipe/open-pipes';
import { drivesPipes, runtime } from '../client/runtime';
import { suite } from './harness';
import { unshare } from './messages';
import { makeScratch } from './scratch';
import { childrenOf, packageRoot, rejection, rootMaps, runtimePath, shell } from './support';
import { helperBinary } from './wrapped-helper';

const test = suite('pipe fallback');
const diesWithoutProc = runtime === 'deno' && 'Deno panics where a process is started without /proc';

/** What the client that `code` is writes, where it finds no /proc of its own: `how` takes it away. */
async function inPlace(how: 'empty' | 'foreign', code: string): Promise<string> {
  // Not before the runtime has started: Bun does not without /proc.
  const prepare =
    how === 'empty'
      ? "require('child_process').execFileSync('mount', ['-t', 'tmpfs', 'none', '/proc']);"
      : '';
  const client = `${prepare}
    const { Command, Fd, Helper, Stdio } = require(${JSON.stringify(packageRoot)});
    const shell = script => new Command('/bin/sh').args(['-c', script]);
    (async () => { ${code} })().catch(error => { console.error(error); process.exit(1); });`;
  const { status, stdout, stderr } = await new Command(runtimePath)
    .args(['-e', client])
    .unshare('user', ...(how === 'empty' ? (['mount'] as const) : (['pid', 'uts'] as const)))
    .setIdMaps(...rootMaps())
    .output();
  assert.is(stderr.toString(), '');
  assert.ok(status.success, String(status));
  return stdout.toString();
}

for (const how of ['empty', 'foreign'] as const) {
  const skip = how === 'empty' && diesWithoutProc;
  test(
    `${how} /proc: output, both ways, and pipes at other numbers`,
    async () => {
      const output = await inPlace(
        how,
        `const { stdout, stderr } = await shell('echo out; echo err >&2').output();
      console.log(String(stdout) + stderr);
      const child = await shell('cat; cat <&5 >&7')
        .stdin('piped').stdout('piped').fileDescriptor(5, Fd.pipedRead()).fileDescriptor(7, Fd.pipedWrite()).spawn();
      child.stdin.end('one');
      child.takePipeWriter(5).end('two');
      console.log(await child.stdout.text(), await child.takePipeReader(7).text(), String(await child.wait()));`,
      );
      assert.is(output, 'out\nerr\n\none two exit status: 0\n');
    },
    { skip },
  );

  test(
    `${how} /proc: much data, through a slow reader`,
    async () => {
      const output = await inPlace(
        how,
        `const { createHash } = require('crypto');
      const size = 20_000_000;
      const block = Buffer.alloc(1_000_000, 'abcdefg');
      const expected = createHash('sha256');
      const found = createHash('sha256');
      const child = await new Command('/bin/cat').stdin('piped').stdout('piped').spawn();
      (async () => {
        for (let sent = 0; sent < size; sent += block.length) {
          expected.update(block);
          if (!child.stdin.write(block)) await new Promise(resolve => child.stdin.once('drain', resolve));
        }
        child.stdin.end();
      })();
      let received = 0;
      for await (const chunk of child.stdout) {
        found.update(chunk);
        received += chunk.length;
        if (received % 7 === 0) await new Promise(resolve => setTimeout(resolve, 1));
      }
      console.log(received === size, expected.digest('hex') === found.digest('hex'), String(await child.wait()));`,
      );
      assert.is(output, 'true true exit status: 0\n');
    },
    { skip },
  );

  test(
    `${how} /proc: what a program has written can be read after its end`,
    async () => {
      const output = await inPlace(
        how,
        `const child = await shell('echo left behind').stdout('piped').spawn();
      await child.wait();
      await new Promise(resolve => setTimeout(resolve, 200));
      console.log(await child.stdout.text());`,
      );
      assert.is(output, 'left behind\n\n');
    },
    { skip },
  );

  test(
    `${how} /proc: it is found out once, and a command without pipes, or whose output is collected, takes no helper of its own`,
    async () => {
      const output = await inPlace(
        how,
        `const { ChildProcess } = require('child_process');
      let started = 0;
      const { spawn } = ChildProcess.prototype;
      ChildProcess.prototype.spawn = function (...args) { started += 1; return spawn.apply(this, args); };
      for (let time = 0; time < 3; time += 1) await (await shell('true').stdout('piped').spawn()).wait();
      const withPipes = started;
      for (let time = 0; time < 3; time += 1) await shell('true').status();
      for (let time = 0; time < 3; time += 1) await shell('echo a').output({ input: 'b' });
      console.log(withPipes, started);`,
      );
      // A client that cannot drive pipes does not ask the helper for all commands.
      assert.is(output, drivesPipes() ? '4 4\n' : '3 4\n');
    },
    { skip },
  );

  test(
    `${how} /proc: the end of a pipe that came at once is not missed, and an untouched pipe keeps nothing alive`,
    async () => {
      const output = await inPlace(
        how,
        `for (let time = 0; time < 60; time += 1) await shell('true').output();
      console.log('all');
      const untouched = await shell('exec sleep 60').stdin('piped').stdout('piped').spawn();
      untouched.unref();`,
      );
      assert.is(output, 'all\n');
    },
    { skip },
  );

  test(
    `${how} /proc: a program that closes its standard streams and goes on ends the client's reader, and refuses its writer`,
    async () => {
      const output = await inPlace(
        how,
        `const child = await shell('exec >&- 2>&- <&-; echo closed >&5; exec sleep 60')
          .stdin('piped').stdout('piped').stderr('piped').fileDescriptor(5, Fd.pipedWrite()).spawn();
        const refused = new Promise(resolve => child.stdin.once('error', resolve));
        console.log(JSON.stringify([await child.stdout.text(), await child.stderr.text()]));
        await new Promise(resolve => child.takePipeReader(5).once('data', resolve));
        child.stdin.write('x');
        console.log((await refused).code, String(child.tryWait()));
        await child.kill();
        await child.wait();`,
      );
      assert.is(output, '["",""]\nEPIPE null\n');
    },
    { skip },
  );

  test(
    `${how} /proc: a descriptor cannot be had, and failures leave nothing`,
    async () => {
      const output = await inPlace(
        how,
        `const child = await shell('cat').stdin('piped').stdout('piped').spawn();
      try { child.stdout.intoFd(); } catch ({ stage, message }) { console.log(stage, /runtime has made/.test(message)); }
      child.stdin.end();
      await child.wait();
      await new Command('/missing').stdout('piped').spawn().catch(({ stage, code }) => console.log(stage, code));
      const file = require('fs').openSync('/etc/passwd', 'r');
      console.log(String((await shell('cat <&5').fileDescriptor(5, Fd.fromFile(file)).output()).stdout).startsWith('root:'));`,
      );
      assert.is(output, 'PipeError true\nExec ENOENT\ntrue\n');
    },
    { skip },
  );
}

test('foreign /proc: a namespace to join that the client has open', async () => {
  const output = await inPlace(
    'foreign',
    `const file = require('fs').openSync('/proc/self/ns/uts', 'r');
    await shell('readlink /proc/self/ns/uts').unshare('uts').setNamespace(file, 'net').status().catch(({ stage, code }) => console.log(stage, code));
    console.log(String(await shell('true').setNamespace(file, 'uts').status()));`,
  );
  assert.is(output, 'SetNs EINVAL\nexit status: 0\n');
});

test('what the helper has is told apart from what another process of its number has', () => {
  const { ino } = statSync('/proc/self/fd/3');
  const found = (controlInode: number) =>
    arePipesReachable(process.pid, new unshare.v1.Hello({ controlInode }));
  assert.equal([found(ino), found(ino + 1)], [true, false]);
});

test(
  "without /proc, the umask is that of the helper, which is the client's at its start",
  async () => {
    const output = await inPlace(
      'empty',
      `process.umask(0o27);
    console.log(String((await shell('umask').output()).stdout));`,
    );
    assert.is(output, '0027\n\n');
  },
  { skip: diesWithoutProc },
);

test(
  'a helper that cannot be read',
  async () => {
    const copy = path.join(makeScratch(), 'unreadable');
    copyFileSync(helperBinary, copy);
    chmodSync(copy, 0o111);
    const helper = new Helper({ path: copy });
    const { stdout } = await shell('cat; echo out').stdin('null').output({ helper });
    assert.is(stdout.toString(), 'out\n');
    const child = await shell('sleep 100').stdout('piped').spawn({ helper });
    const ending = rejection(child.wait());
    assert.equal(childrenOf(helper.pid!), []);
    await helper.close();
    assert.is((await ending).stage, 'Helper');
  },
  { skip: process.geteuid!() === 0 && 'root reads everything' },
);

test.run();
