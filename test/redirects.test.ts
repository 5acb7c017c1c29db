import { closeSync, existsSync, mkdirSync, openSync, readFileSync, statSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command, Fd, type FileOptions, GidMap, Helper, Stdio, UidMap } from 'unshare';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { childrenOf, rejection, runScript, shell, until } from './support';

const test = suite('redirects');
const scratch = makeScratch();
const file = (name: string) => path.join(scratch, name);

function fileWith(name: string, text: string): string {
  writeFileSync(file(name), text);
  return file(name);
}

test('a file as standard output is created or emptied, as by the > of a shell', async () => {
  const out = fileWith('out', 'something longer');
  for (const text of ['one', 'two']) {
    assert.ok((await shell(`printf ${text}`).stdout(Stdio.file(out)).status()).success);
    assert.is(readFileSync(out, 'utf8'), text);
  }
  await shell('printf new >&2')
    .stderr(Stdio.file(file('created')))
    .status({ check: true });
  assert.is(readFileSync(file('created'), 'utf8'), 'new');
});

test('options: append, create, truncate and read', async () => {
  const cases: [FileOptions, string][] = [
    [{ append: true }, 'before-new'],
    [{ append: true, truncate: true }, 'new'],
    [{ truncate: false }, 'newore-'],
    [{ read: true }, 'newore-'],
    [{ read: true, truncate: true }, 'new'],
  ];
  for (const [options, expected] of cases) {
    const out = fileWith('options', 'before-');
    await shell('printf new').stdout(Stdio.file(out, options)).status({ check: true });
    assert.is(readFileSync(out, 'utf8'), expected, JSON.stringify(options));
  }
  const missing = Stdio.file(file('missing'), { create: false });
  const error = await rejection(shell('true').stdout(missing).spawn());
  assert.equal(
    [error.stage, error.code, error.item, error.path],
    ['StdioError', 'ENOENT', 'stdout', file('missing')],
  );
  assert.match(error.message, `cannot set up "${file('missing')}" as stdout: No such file or directory`);
  assert.not(existsSync(file('missing')));
});

test('with read, the program may read from its standard output', async () => {
  const both = fileWith('both', 'text');
  const { stderr } = await shell('cat <&1 >&2')
    .stdout(Stdio.file(both, { read: true }))
    .output({ encoding: 'utf8' });
  assert.is(stderr, 'text');
});

test('the mode of a new file is less by the umask', async () => {
  const before = process.umask(0o027);
  try {
    const status = shell('true')
      .stdout(Stdio.file(file('mode')))
      .stderr(Stdio.file(file('own-mode'), { mode: 0o600 }))
      .status();
    await status;
  } finally {
    process.umask(before);
  }
  assert.is(statSync(file('mode')).mode & 0o777, 0o640);
  assert.is(statSync(file('own-mode')).mode & 0o777, 0o600);
});

test('a file as standard input is read, and never created', async () => {
  const { stdout } = await new Command('/bin/cat').stdin(Stdio.file(fileWith('in', 'text'))).output();
  assert.is(stdout.toString(), 'text');
  const error = await rejection(new Command('/bin/cat').stdin(Stdio.file(file('no-input'))).output());
  assert.equal([error.item, error.code], ['stdin', 'ENOENT']);
  assert.not(existsSync(file('no-input')));
  for (const option of ['append', 'create', 'truncate'] as const) {
    assert.throws(
      () => new Command('/bin/cat').stdin(Stdio.file('/x', { [option]: true })),
      (error: Error) =>
        error instanceof TypeError && error.message === `stdin is read: options.${option} cannot be true`,
    );
  }
});

test('a relative path starts at the directory of the client, not at that of the program', async () => {
  const before = process.cwd();
  process.chdir(scratch);
  try {
    await shell('pwd').currentDir('/').stdout(Stdio.file('relative')).status({ check: true });
  } finally {
    process.chdir(before);
  }
  assert.is(readFileSync(file('relative'), 'utf8'), '/\n');
});

test('a redirect starts no helper of its own', async () => {
  const helper = new Helper();
  const child = await new Command('/bin/sleep', ['100']).stdout(Stdio.file(file('sleep'))).spawn({ helper });
  assert.equal(childrenOf(helper.pid!), [child.pid]);
  await helper.close();
});

test('a FIFO blocks its command and no other, until it is opened, aborted or out of time', async () => {
  const [opened, neverOpened] = [file('fifo'), file('never-opened')];
  await new Command('/usr/bin/mkfifo', [opened, neverOpened]).status({ check: true });
  const waiting = shell('echo written').stdout(Stdio.file(opened)).status();
  const late = rejection(shell('true').stdin(Stdio.file(neverOpened)).status({ timeout: 100 }));
  await new Command('/bin/true').status({ check: true });
  assert.is((await late).code, 'ETIMEDOUT');
  const { stdout } = await new Command('/bin/cat', [opened]).output();
  assert.is(stdout.toString(), 'written\n');
  assert.ok((await waiting).success);
});

test('inside, the path is looked up in the root and the directory of the program', async () => {
  const root = file('root');
  mkdirSync(path.join(root, 'dir'), { recursive: true });
  writeFileSync(path.join(root, 'dir/text'), 'inside');
  const outside = fileWith('text', 'outside');
  const output = (stdin: Stdio) =>
    new Command('/usr/bin/cat')
      .mapRoot()
      .unshare('mount')
      .preExec([])
      .stdin(stdin)
      .currentDir(path.join(root, 'dir'))
      .output({ encoding: 'utf8', check: true });
  assert.is((await output(Stdio.file('text', { inside: true }))).stdout, 'inside');
  assert.is((await output(Stdio.file(outside))).stdout, 'outside');
  const inRoot = new Command('/none')
    .mapRoot()
    .chrootDir(root)
    .stdin(Stdio.file('/dir/text', { inside: true }));
  // The program is not in there, its input is.
  assert.is((await rejection(inRoot.spawn())).stage, 'Exec');
  const error = await rejection(inRoot.stdin(Stdio.file(outside, { inside: true })).spawn());
  assert.equal([error.stage, error.code, error.path], ['StdioError', 'ENOENT', outside]);
});

test(
  'the rights are those of the client, and inside those of the program',
  async () => {
    const secret = fileWith('secret', 'text');
    await new Command('/bin/chmod', ['600', secret]).status({ check: true });
    const other = fileWith('others', 'of another user');
    await new Command('/bin/chown', ['1234', other]).status({ check: true });
    await new Command('/bin/chmod', ['600', other]).status({ check: true });
    const mapped = new Command('/bin/cat').mapRoot().unshare('pid', 'mount').stdin(Stdio.file(other));
    assert.is((await mapped.output({ check: true })).text(), 'of another user');
    const ranges = [new UidMap(0, 100000, 10)];
    const maps = [ranges, [new GidMap(0, 100000, 10)]] as const;
    const shifted = () =>
      new Command('/bin/sh', ['-c', 'cat; id -u']).setIdMaps(...maps).stdin(Stdio.file(other));
    assert.is((await shifted().output({ check: true })).text(), 'of another user0\n');
    assert.is(shifted().outputSync({ check: true }).text(), 'of another user0\n');
    const byCommands = shifted().setIdMapCommands('/bin/true', '/bin/true');
    // These have written no map.
    assert.is((await rejection(byCommands.output())).stage, 'SetUser');
    assert.is(
      (
        await rejection(
          shifted()
            .stdin(Stdio.file(other, { inside: true }))
            .spawn(),
        )
      ).code,
      'EACCES',
    );
    assert.ok((await new Command('/bin/true').unshare('user').stdin(Stdio.file(other)).status()).success);
    const cat = () => new Command('/bin/cat').uid(1234).gid(1234);
    const { stdout } = await cat().stdin(Stdio.file(secret)).output({ check: true });
    assert.is(stdout.toString(), 'text');
    const error = await rejection(
      cat()
        .stdin(Stdio.file(secret, { inside: true }))
        .output(),
    );
    assert.equal([error.stage, error.code], ['StdioError', 'EACCES']);
  },
  { skip: process.geteuid!() !== 0 && 'only root can be another user' },
);

test('files of commands that join a namespace or have a time namespace are opened before', async () => {
  for (const prepare of [
    (command: Command) => command.setNamespace({ pid: process.pid }, 'uts'),
    (command: Command) => command.mapRoot().unshare('time'),
  ]) {
    const command = shell('cat; cat <&3; echo x >&4; echo y >&2').stdin(Stdio.file(fileWith('joined', 'a')));
    command
      .fileDescriptor(3, Fd.readFile(fileWith('three', 'b')))
      .fileDescriptor(4, Fd.writeFile(file('four')));
    const result = await prepare(command)
      .stderr(Stdio.sameAs(4))
      .output({ encoding: 'utf8' })
      .catch(error => error);
    // An ordinary user cannot join its own namespace.
    if (result.code === 'EPERM') continue;
    assert.is(result.stdout, 'ab');
    assert.is(readFileSync(file('four'), 'utf8'), 'x\ny\n');
  }
});

test('sameAs: one pipe has both outputs, in order', async () => {
  const { stdout, stderr } = await shell('echo 1; echo 2 >&2; echo 3')
    .stderr(Stdio.sameAs(1))
    .output({ encoding: 'utf8' });
  assert.equal([stdout, stderr], ['1\n2\n3\n', '']);
  const both = new Command('/bin/sh', ['-c', 'echo 1; echo 2 >&2']).stdout(Stdio.sameAs(2));
  assert.equal((await both.output({ encoding: 'utf8' })).stderr, '1\n2\n');
  assert.equal(both.outputSync({ encoding: 'utf8' }).stderr, '1\n2\n');
});

test('sameAs: one open file, and chains', async () => {
  const out = file('same');
  await shell('echo 1; echo 2 >&2; echo 3 >&7; echo 4 >&5')
    .fileDescriptor(7, Fd.sameAs(2))
    .stderr(Stdio.sameAs(5))
    .fileDescriptor(5, Fd.sameAs(1))
    .stdout(Stdio.file(out))
    .status({ check: true });
  assert.is(readFileSync(out, 'utf8'), '1\n2\n3\n4\n');
});

test('sameAs: what is inherited, null, and an open file of the client', async () => {
  const { stdout } = await runScript(`
    const { Command, Fd, Stdio } = unshare;
    new Command('/bin/sh', ['-c', 'echo 1; echo 2 >&2; echo 3 >&9']).stderr(Stdio.sameAs(1)).fileDescriptor(9, Fd.sameAs(1)).status();
  `);
  assert.is(stdout, '1\n2\n3\n');
  assert.equal(
    (await shell('echo 1 >&2').stderr(Stdio.sameAs(0)).output({ encoding: 'utf8' })).status.success,
    false,
  );
  const opened = openSync(file('opened'), 'w');
  await shell('echo 1; echo 2 >&2')
    .stdout(Stdio.dupFile(opened))
    .stderr(Stdio.sameAs(1))
    .status({ check: true });
  closeSync(opened);
  assert.is(readFileSync(file('opened'), 'utf8'), '1\n2\n');
});

test('sameAs: circles and numbers that are not there are TypeErrors', async () => {
  const refused = (run: () => unknown, message: string) =>
    assert.throws(run, (error: Error) => error instanceof TypeError && error.message === message);
  refused(() => shell('').stderr(Stdio.sameAs(2)), 'stderr cannot be the same as itself');
  const command = shell('').stdout(Stdio.sameAs(5)).fileDescriptor(5, Fd.sameAs(2));
  refused(() => command.stderr(Stdio.sameAs(1)), 'stderr cannot be the same as itself');
  const error = await rejection(shell('').stderr(Stdio.sameAs(7)).spawn());
  assert.instance(error, TypeError);
  assert.is(error.message, 'stderr cannot be the same as 7: the program has no descriptor 7');
  assert.throws(() => Stdio.sameAs(-1), RangeError);
});

test("Node's words, and anything with a descriptor", async () => {
  const { stdout, stderr } = await shell('cat; echo 1; echo 2 >&2')
    .stdin('ignore')
    .stdout('pipe')
    .stderr('ignore')
    .output();
  assert.equal([stdout.toString(), stderr.length], ['1\n', 0]);
  // Deno hands over each descriptor once.
  const [one, two] = [openSync(file('fd'), 'a'), openSync(file('fd'), 'a')];
  await shell('echo 1; echo 2 >&2').stdout({ fd: one }).stderr(two).status({ check: true });
  for (const descriptor of [one, two]) closeSync(descriptor);
  assert.is(readFileSync(file('fd'), 'utf8'), '1\n2\n');
  // Deno does not hand over a descriptor of the client at a higher number than its own.
  const errors = runtime === 'deno' ? "'null'" : 'process.stdout';
  const script = await runScript(`
    const { Command } = unshare;
    new Command('/bin/sh', ['-c', 'echo 1; echo 2 >&2']).stdout(process.stdout).stderr(${errors}).status();
  `);
  assert.equal([script.stdout, script.stderr], [runtime === 'deno' ? '1\n' : '1\n2\n', '']);
  assert.throws(() => shell('').stdout('file' as never), TypeError);
  assert.throws(() => shell('').stdout({} as never), TypeError);
});

test('a program has no other descriptors of the files, and they are not close-on-exec', async () => {
  const text = fileWith('few', 'text');
  const command = shell('ls /proc/self/fd; cat <&9').stdin(Stdio.file(text)).stderr(Stdio.sameAs(5));
  command.fileDescriptor(5, Fd.writeFile(file('five'))).fileDescriptor(9, Fd.readFile(text));
  // What `ls` opens has the lowest free number.
  assert.is((await command.output({ check: true })).text(), '0\n1\n2\n3\n5\n9\ntext');
});

test('a terminal that is opened is not the controlling one', async () => {
  const script = 'import os, sys; print(os.ttyname(os.openpty()[1]), flush=True); sys.stdin.read()';
  const owner = await new Command('/usr/bin/python3', ['-c', script]).stdin('pipe').stdout('pipe').spawn();
  try {
    const { value: name } = await owner.stdout!.lines().next();
    for (const inside of [false, true]) {
      const command = shell('test -t 0 && ! (: < /dev/tty) && ! (: <> /dev/tty)').newSession();
      const { stderr } = await command.stdin(Stdio.file(name!, { inside })).output({ check: true });
      assert.match(stderr.toString(), '/dev/tty');
    }
  } finally {
    await owner.kill();
  }
});

test('an aborted command that waits for a FIFO leaves no process', async () => {
  const fifo = file('abandoned');
  await new Command('/usr/bin/mkfifo', [fifo]).status({ check: true });
  const helper = new Helper();
  await rejection(shell('true').stdout(Stdio.file(fifo)).spawn({ helper, timeout: 50 }));
  await until('the process ends', () => childrenOf(helper.pid!).length === 0);
  await helper.close();
});

test.run();
