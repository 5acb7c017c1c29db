import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'fs';
import * as path from 'path';
import { type Child, Command, type Helper, UnshareError } from 'unshare';
import * as assert from 'uvu/assert';
import type { SpawnRequest } from '../client/command/spawn-request';
import { Connection } from '../client/helper/connection';
import { Run } from '../client/process/run';
import { toSpawnMessage } from '../client/protocol/spawn-message';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { rejection, rootMaps, runtimePath } from './support';
import { helperBinary } from './wrapped-helper';

const test = suite('roots');
const busybox = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync);
const scratch = makeScratch();
const root = path.join(scratch, 'root');

/** A world of its own: a shell, and directories to go to. */
test.before(() => {
  for (const directory of ['', 'bin', 'old', 'work', 'work/deep', 'proc', 'inner', 'inner/bin']) {
    mkdirSync(path.join(root, directory));
    chmodSync(path.join(root, directory), 0o755);
  }
  for (const shell of ['bin/sh', 'inner/bin/sh']) {
    copyFileSync(busybox!, path.join(root, shell));
    chmodSync(path.join(root, shell), 0o755);
  }
  writeFileSync(path.join(root, 'inside'), '');
  symlinkSync('/etc', path.join(root, 'work/link'));
});

/** A shell of that world, in a user and mount namespace of its own, so that everybody may change the root. */
function inside(script: string): Command {
  return new Command('/bin/sh')
    .args(['-c', script])
    .unshare('user', 'mount')
    .setIdMaps(...rootMaps());
}

/** What `command` writes, its lines in one. */
async function said(command: Command): Promise<string> {
  const { status, stdout, stderr } = await command.output();
  assert.ok(status.success, `${status}: ${stderr}`);
  return stdout.toString().trim().split('\n').join(' ');
}

/** Starts `prepare`'s command by a program that has made `root` a mount point, `/` being shared first, as on a systemd host. */
function pivoting(script: string, unmount: boolean): Command {
  // The mount has to be there before the pivot, and made in the namespace that pivots: a step before this exists only
  // as another program, which joins in by being the parent.
  const code = `
    const { Command } = require(${JSON.stringify(path.join(__dirname, '../..'))});
    const root = ${JSON.stringify(root)};
    new Command('/bin/sh').args(['-c', ${JSON.stringify(script)}]).unshare('mount').stdin('null')
      .pivotRoot(root, root + '/old', ${unmount}).output().then(
        ({ stdout, stderr }) => process.stdout.write(stdout.toString() + stderr),
        error => process.stdout.write(error.stage + ' ' + error.code + ' ' + error.item));`;
  const prepare = `mount --make-rshared / && mount --rbind ${root} ${root} && exec "$0" -e "$1"`;
  return new Command('/bin/sh')
    .args(['-c', prepare, runtimePath, code])
    .unshare('user', 'mount')
    .mountPropagation('private')
    .setIdMaps(...rootMaps());
}

test('chrootDir: the program sees the new root only, and starts at its root', async () => {
  assert.is(await said(inside('pwd; ls -d /inside').chrootDir(root)), '/ /inside');
});

test('chrootDir: the working directory is looked up inside', async () => {
  assert.is(await said(inside('pwd').chrootDir(root).currentDir('/work/deep')), '/work/deep');
  assert.is(await said(inside('pwd').chrootDir(root).currentDir('work')), '/work');
  assert.is(await said(inside('pwd').chrootDir(`${root}/`).currentDir('work')), '/work');
});

test('chrootDir: a link in the new root does not lead out of it', async () => {
  const error = await rejection(inside('pwd').chrootDir(root).currentDir('/work/link').spawn());
  assert.equal([error.stage, error.code, error.path], ['Chdir', 'ENOENT', '/work/link']);
  const up = await said(inside('pwd').chrootDir(root).currentDir('../../..'));
  assert.is(up, '/');
});

test('chrootDir: the program is looked up inside', async () => {
  for (const program of ['/work/link/hostname', '/../../usr/bin/env', '/work/../../../usr/bin/env']) {
    const command = new Command(program).unshare('user', 'mount').setIdMaps(...rootMaps());
    const error = await rejection(command.chrootDir(root).spawn());
    assert.equal([error.stage, error.code, error.path], ['Exec', 'ENOENT', program]);
  }
});

test('chrootDir: the helper itself leaves the old root, also where the client names no directory', async () => {
  const connection = new Connection(helperBinary, () => {});
  const start = (request: SpawnRequest): Promise<Child> => {
    const message = toSpawnMessage(request, { clientDir: null, startDir: null });
    return Run.start(connection, { request, message }, null);
  };
  const helper = { start } as unknown as Helper;
  // Into a file: a pipe is not for this helper on every runtime.
  const command = inside('/bin/sh -c "pwd; echo *" > /work/seen').stdin('null').stdout('null').stderr('null');
  await command.chrootDir(root).status({ helper });
  assert.is(readFileSync(path.join(root, 'work/seen'), 'utf8'), '/\nbin inner inside old proc work\n');
  await connection.close(new UnshareError({ stage: 'Helper' }));
});

test('chrootDir: a root that is missing is named', async () => {
  const error = await rejection(inside('true').chrootDir('/nowhere').spawn());
  assert.equal([error.stage, error.code, error.path], ['ChangeRoot', 'ENOENT', '/nowhere']);
});

test('the client’s directory, where it is inside the new root, is kept', async () => {
  const before = process.cwd();
  process.chdir(path.join(root, 'work/deep'));
  try {
    assert.is(await said(inside('pwd').chrootDir(root)), '/work/deep');
    assert.is(await said(inside('pwd').chrootDir(root).currentDir('..')), '/work');
  } finally {
    process.chdir(before);
  }
});

test('pivotRoot: the old root is where it was put', async () => {
  const lines = await said(pivoting('pwd; ls -d /inside /old/etc', false));
  assert.is(lines, '/ /inside /old/etc');
});

test('pivotRoot with unmount: nothing of the old root is left', async () => {
  const lines = await said(pivoting('pwd; ls /old; ls -d /inside', true));
  assert.is(lines, '/ /inside');
});

test('pivotRoot needs a mount namespace of the command’s own', async () => {
  const error = await rejection(new Command('/bin/sh').pivotRoot(root, `${root}/old`, true).spawn());
  assert.equal([error.stage, error.errno], ['ChangeRoot', null]);
  assert.match(error.message, /mount namespace/);
});

test('pivotRoot: what is no mount point is refused, and named', async () => {
  const error = await rejection(inside('true').pivotRoot(root, `${root}/old`, true).spawn());
  assert.equal([error.stage, error.code, error.path], ['ChangeRoot', 'EINVAL', root]);
});

test('pivotRoot: a directory for the old root that is missing is named', async () => {
  const error = await rejection(inside('true').pivotRoot(root, `${root}/missing`, true).spawn());
  assert.equal([error.stage, error.code, error.path], ['ChangeRoot', 'ENOENT', `${root}/missing`]);
});

test('a link of /proc leads to no working directory outside of the new root', async () => {
  const isRoot = process.geteuid!() === 0;
  for (const link of ['root', 'cwd']) {
    const command = (isRoot ? new Command('/bin/sh') : inside(''))
      .chrootDir('/proc')
      .currentDir(`/${process.pid}/${link}`);
    const { stage, code, item } = await rejection(command.status());
    // To whoever has no power over this process, the kernel itself refuses the link.
    assert.equal([stage, code, item], ['Chdir', isRoot ? 'ENOENT' : 'EACCES', `/${process.pid}/${link}`]);
  }
});

test.run();
