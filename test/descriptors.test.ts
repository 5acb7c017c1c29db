import { spawnSync } from 'child_process';
import { Fd, Stdio } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { packageRoot, runtimePath, shell, stateOf } from './support';

const test = suite('descriptors');

test('a pipe that the program writes to', async () => {
  const child = await shell('echo told >&5').fileDescriptor(5, Fd.pipedWrite()).spawn();
  assert.is(child.takePipeWriter(5), null);
  const reader = child.takePipeReader(5)!;
  assert.is(child.takePipeReader(5), null);
  assert.is(await reader.text(), 'told\n');
  assert.ok((await child.wait()).success);
});

test('a pipe that the program reads from', async () => {
  const child = await shell('cat <&7').fileDescriptor(7, Fd.pipedRead()).stdout(Stdio.piped()).spawn();
  assert.is(child.takePipeReader(7), null);
  child.takePipeWriter(7)!.end('told');
  assert.is(await child.stdout!.text(), 'told');
  assert.is(child.takePipeWriter(8), null);
});

test('/dev/null for reading and for writing', async () => {
  const { stdout, status } = await shell('cat <&3; echo lost >&4; echo end')
    .fileDescriptor(3, Fd.readNull())
    .fileDescriptor(4, Fd.writeNull())
    .output();
  assert.ok(status.success);
  assert.is(stdout.toString(), 'end\n');
});

for (const count of [1, 7, 58]) {
  test(`exactly ${count} from 3 on, and no other`, async () => {
    const { descriptors } = await stateOf(command => {
      for (let number = 3; number < 3 + count; number += 1) {
        command.fileDescriptor(number, number % 2 ? Fd.readNull() : Fd.pipedWrite());
      }
    });
    assert.equal(
      descriptors.map(({ number }) => number),
      Array.from({ length: 3 + count }, (_, number) => number),
    );
  });
}

test('/dev/null is where it is asked for, whichever numbers it and a pipe take from each other', async () => {
  for (let number = 3; number < 12; number += 1) {
    const { stdout } = await shell(`readlink /proc/$$/fd/30 /proc/$$/fd/31 /proc/$$/fd/${number}`)
      .fileDescriptor(number, Fd.pipedWrite())
      .fileDescriptor(30, Fd.readNull())
      .fileDescriptor(31, Fd.writeNull())
      .output();
    assert.match(stdout.toString(), /^\/dev\/null\n\/dev\/null\npipe:\[\d+\]\n$/, String(number));
  }
});

test('a number that the helper uses itself does not hide a failure', async () => {
  for (let number = 3; number < 24; number += 1) {
    const command = shell('true').currentDir('/nowhere').fileDescriptor(number, Fd.writeNull());
    await command.spawn().then(
      () => assert.unreachable(),
      error => assert.is(error.stage, 'Chdir'),
    );
  }
});

test('resetFds: standard streams are inherited, and nothing else is configured', async () => {
  const child = await shell('true')
    .fileDescriptor(5, Fd.pipedWrite())
    .stdout('piped')
    .closeFds(10)
    .resetFds()
    .spawn();
  assert.is(child.stdout, null);
  assert.is(child.takePipeReader(5), null);
  await child.wait();
});

test('a limit of 64 descriptors is enough for 60 of /dev/null', async () => {
  const code = `
    const { Command, Fd } = unshare;
    const command = new Command('/bin/sh').args(['-c', 'ls /proc/self/fd | wc -l']);
    for (let number = 3; number <= 60; number += 1) command.fileDescriptor(number, Fd.readNull());
    command.output().then(({ stdout }) => console.log(stdout.toString().trim()));`;
  const limited = `ulimit -n 64; exec "$0" -e "$1"`;
  const prelude = `const unshare = require(${JSON.stringify(packageRoot)});`;
  const { stdout, stderr } = spawnSync('/bin/bash', ['-c', limited, runtimePath, prelude + code], {
    encoding: 'utf8',
  });
  // And the one by which \`ls\` reads the directory.
  assert.is(stdout, '62\n', stderr);
});

test.run();
