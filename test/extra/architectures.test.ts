import { execFileSync } from 'child_process';
import { existsSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from '../harness';
import { runtimePath } from '../runtimes';
import { makeScratch } from '../scratch';
import { exists, packageRoot, rejection, runScript, shell, until } from '../support';

/*
 * Helpers of other architectures, run by qemu-user: their system calls reach this kernel by qemu's translation, and the
 * programs that they start are this machine's own. It knows neither clone3 nor execveat, and makes no process with new
 * namespaces or with shared memory, so that the fallbacks are what is tested here.
 */

const test = suite('architectures');
const scratch = makeScratch();

/** The names that Node and qemu give them. */
const architectures = [
  ['arm64', 'aarch64'],
  ['arm', 'arm'],
  ['riscv64', 'riscv64'],
].filter(([name]) => name !== process.arch) as [string, string][];

const emulatorOf = (machine: string) => `/usr/bin/qemu-${machine}-static`;

/** Path of a script that becomes the emulated helper. */
function emulatedHelper(name: string, machine: string, options = ''): string {
  const file = path.join(scratch, `helper-${name}${options}`);
  const helper = path.join(packageRoot, 'dist/helper', name, 'unshare-helper');
  writeFileSync(file, `#!/bin/sh\nexec ${emulatorOf(machine)} ${options} ${helper} "$@"\n`, { mode: 0o755 });
  return file;
}

for (const [name, machine] of architectures) {
  test(`${name}: a program with pipes`, async () => {
    const helper = new Helper({ path: emulatedHelper(name, machine) });
    const command = shell('cat; echo error >&2; exit 7').stdin('piped');
    const { status, stdout, stderr } = await command.output({ helper, input: 'input' });
    assert.equal([status.code, stdout.toString(), stderr.toString()], [7, 'input', 'error\n']);
    await helper.close();
  });

  test(`${name}: a program and a directory that are missing`, async () => {
    const helper = new Helper({ path: emulatedHelper(name, machine) });
    const noProgram = await rejection(new Command('/missing').status({ helper }));
    assert.equal([noProgram.stage, noProgram.code, noProgram.path], ['Exec', 'ENOENT', '/missing']);
    const noDirectory = await rejection(shell('').currentDir('/missing').status({ helper }));
    assert.equal([noDirectory.stage, noDirectory.code, noDirectory.path], ['Chdir', 'ENOENT', '/missing']);
    await helper.close();
  });

  test(`${name}: synchronous calls`, () => {
    const helper = new Helper({ path: emulatedHelper(name, machine) });
    assert.is(shell('exit 5').statusSync({ helper }).code, 5);
    const { status, stdout } = shell('echo output; kill $$').outputSync({ helper });
    assert.equal([status.signal, stdout.toString()], ['SIGTERM', 'output\n']);
  });

  test(`${name}: a program ends with its helper, but not one that is a daemon`, async () => {
    const helper = new Helper({ path: emulatedHelper(name, machine) });
    const child = await shell('sleep 60').spawn({ helper });
    const daemon = await shell('exec sleep 60').allowDaemonize().spawn({ helper });
    const waits = [child, daemon].map(one => rejection(one.wait()));
    await helper.close();
    await Promise.all(waits);
    await until('the program is gone', () => !exists(child.pid));
    assert.ok(exists(daemon.pid));
    process.kill(daemon.pid, 'SIGKILL');
  });

  test(`${name}: without clone3, and where no memory can be shared, it is made by clone`, async () => {
    // Its calls are told on standard error: any other descriptor would be closed by the helper itself.
    const env = { ...process.env, UNSHARE_HELPER: emulatedHelper(name, machine, '-strace') };
    const { stderr } = await runScript("new unshare.Command('/bin/true').status();", env);
    assert.match(stderr, /Unknown syscall 435/); // clone3
    assert.match(stderr, /clone\(CLONE_VM\|.* = -1/);
    assert.match(stderr, /clone\(0x11,.* = \d+/);
  });
}

test('the client and the helper of arm64 together', () => {
  const libraries = '/usr/aarch64-linux-gnu';
  assert.ok(existsSync(libraries), 'libstdc++6-arm64-cross is not installed');
  const script = `
    const { Command, step } = require(${JSON.stringify(packageRoot)});
    const command = new Command('/bin/sh').args(['-c', 'cut -d" " -f6 /proc/$$/stat; echo $$; exit 7']);
    // The number of a system call is another one than here.
    command.preExec([step.syscall('setsid')]).output().then(({ status, stdout }) => {
      const [session, pid] = String(stdout).split('\\n');
      console.log(process.arch, status.code, session === pid);
    });`;
  const node = runtimePath('node20-arm64', 'bin/node');
  const env = { ...process.env, UNSHARE_HELPER: emulatedHelper('arm64', 'aarch64') };
  const args = ['-L', libraries, node, '-e', script];
  const said = execFileSync(emulatorOf('aarch64'), args, { env, encoding: 'utf8' });
  assert.is(said, 'arm64 7 true\n');
});

test.run();
