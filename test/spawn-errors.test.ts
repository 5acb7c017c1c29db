import { chmodSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { childrenOf, descriptorsOf, packageRoot, rejection, rootMaps, runtimePath, shell } from './support';

const test = suite('spawn errors');

const scratch = makeScratch();

/** The error of a spawn, after which nothing of it is left in the helper. */
async function failure(command: Command) {
  await shell('true').status();
  const pid = Helper.shared().pid!;
  const before = descriptorsOf(pid).size;
  const error = await rejection(command.stdin('piped').stdout('piped').spawn());
  assert.equal(childrenOf(pid), []);
  assert.is(descriptorsOf(pid).size, before);
  return error;
}

function script(name: string, text: string, mode: number): string {
  const file = path.join(scratch, name);
  writeFileSync(file, text);
  chmodSync(file, mode);
  return file;
}

test('a missing program', async () => {
  const error = await failure(new Command('/nowhere/program'));
  assert.is(error.stage, 'Exec');
  assert.is(error.code, 'ENOENT');
  assert.is(error.errno, 2);
  assert.is(error.syscall, 'execve');
  assert.is(error.item, '/nowhere/program');
  assert.is(error.path, '/nowhere/program');
  assert.is(error.message, 'cannot execute "/nowhere/program": No such file or directory (ENOENT, errno 2)');
});

test('a directory as program', async () => {
  const error = await failure(new Command(scratch));
  assert.is(error.stage, 'Exec');
  assert.is(error.code, 'EACCES');
  assert.is(error.item, scratch);
  assert.match(error.message, 'it is a directory');
});

test('a script without interpreter line', async () => {
  const file = script('plain', 'echo never\n', 0o755);
  const error = await failure(new Command(file));
  assert.is(error.stage, 'Exec');
  assert.is(error.code, 'ENOEXEC');
  assert.is(error.item, file);
  assert.match(error.message, '#!');
});

test('a script whose interpreter is missing names the interpreter', async () => {
  const error = await failure(new Command(script('lost', '#!/nowhere/interpreter\n', 0o755)));
  assert.is(error.code, 'ENOENT');
  assert.match(error.hint!, '/nowhere/interpreter');
});

test('a file that nobody may execute', async () => {
  const error = await failure(new Command(script('data', 'data', 0o644)));
  assert.is(error.stage, 'Exec');
  assert.is(error.code, 'EACCES');
});

test('a missing working directory', async () => {
  const error = await failure(new Command('/bin/true').currentDir('/nowhere/directory'));
  assert.is(error.stage, 'Chdir');
  assert.is(error.code, 'ENOENT');
  assert.is(error.syscall, 'chdir');
  assert.is(error.item, '/nowhere/directory');
  assert.is(error.path, '/nowhere/directory');
  assert.match(error.message, '"/nowhere/directory"');
});

test('no PATH search: a bare name is a path', async () => {
  const error = await failure(new Command('sh').currentDir('/'));
  assert.is(error.code, 'ENOENT');
  assert.match(error.hint!, 'PATH');
});

test('arguments past the limit of the kernel', async () => {
  const error = await failure(new Command('/bin/true').arg('x'.repeat(140_000)));
  assert.is(error.stage, 'Exec');
  assert.is(error.code, 'E2BIG');
});

test('a command past the limit of a message', async () => {
  const error = await failure(new Command('/bin/true').args(Array(80).fill('x'.repeat(120_000))));
  assert.is(error.stage, 'Limit');
});

test('an id map of more rows than the kernel takes', async () => {
  const rows = Array.from({ length: 341 }, (_, at) => ({ insideUid: at, outsideUid: at, count: 1 }));
  const error = await failure(new Command('/bin/true').setIdMaps(rows, []));
  assert.is(error.stage, 'Limit');
  assert.match(error.message, '340');
});

test('own ids that are mapped nowhere, and no uid', async () => {
  const outsideUid = process.geteuid!() + 1;
  const error = await failure(
    new Command('/bin/true').setIdMaps([{ insideUid: 5, outsideUid, count: 1 }], []),
  );
  assert.is(error.stage, 'SetUser');
  assert.is(error.item, 'uid_map');
  assert.is(error.errno, null);
});

test('own group that is mapped nowhere, and no gid', async () => {
  const own = { insideUid: 0, outsideUid: process.geteuid!(), count: 1 };
  const outsideGid = process.getegid!() + 1;
  const error = await failure(
    new Command('/bin/true').setIdMaps([own], [{ insideGid: 5, outsideGid, count: 1 }]).uid(0),
  );
  assert.equal([error.stage, error.item, error.errno], ['SetUser', 'gid_map', null]);
});

test('an id map that the kernel refuses', async () => {
  // A range that overlaps with itself.
  const row = { insideUid: 0, outsideUid: process.geteuid!(), count: 1 };
  const error = await failure(new Command('/bin/true').setIdMaps([row, row], []));
  assert.is(error.stage, 'SetIdMap');
  assert.is(error.item, 'uid_map');
  assert.ok(error.code === 'EINVAL' || error.code === 'EPERM', String(error.code));
});

test(
  'a change of ids without the privilege',
  async () => {
    const error = await failure(new Command('/bin/true').uid(0));
    assert.is(error.stage, 'SetUser');
    assert.is(error.code, 'EPERM');
    assert.is(error.item, 'uid');
  },
  { skip: process.geteuid!() === 0 ? 'root has the privilege' : false },
);

test(
  'a namespace without the privilege is named',
  async () => {
    const error = await failure(new Command('/bin/true').unshare('uts'));
    assert.is(error.stage, 'Fork');
    assert.is(error.code, 'EPERM');
    assert.is(error.item, 'uts');
    assert.match(error.hint!, 'CAP_SYS_ADMIN');
  },
  { skip: process.geteuid!() === 0 ? 'root has the privilege' : false },
);

test('a user namespace where none is allowed any more', async () => {
  // The limit is one of the user namespace that the client runs in, so the test makes one of its own.
  const client = `
    const { Command } = require(${JSON.stringify(packageRoot)});
    new Command('/bin/true').unshare('user', 'uts').spawn().then(
      () => console.log('{}'),
      ({ stage, code, errno, item, hint, message }) =>
        console.log(JSON.stringify({ stage, code, errno, item, hint, message })));`;
  const { stdout, stderr } = await shell('echo 0 > /proc/sys/user/max_user_namespaces && exec "$0" -e "$1"')
    .args([runtimePath, client])
    .unshare('user')
    .setIdMaps(...rootMaps())
    .output();
  assert.is(stderr.toString(), '');
  const error = JSON.parse(stdout.toString());
  assert.is(error.stage, 'Fork');
  assert.is(error.code, 'ENOSPC');
  assert.is(error.errno, 28);
  assert.is(error.item, 'user');
  assert.match(error.hint, 'max_user_namespaces');
  assert.match(error.message, error.hint);
});

test.run();
