import { chownSync, readFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command, MS_BIND, Style, step } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { packageRoot, runtimePath, shell } from './support';

const test = suite('own maps');
const [uid, gid] = [process.geteuid!(), process.getegid!()];

const maps = 'id -u; id -g; cat /proc/self/uid_map /proc/self/gid_map';
const words = (text: string) => text.trim().split(/\s+/).map(Number);

test('mapRoot: the own ids are 0', async () => {
  const output = await shell(maps).mapRoot().output({ check: true });
  assert.equal(words(output.text()), [0, 0, 0, uid, 1, 0, gid, 1]);
});

test('mapCurrentUser: the own ids stay what they are', async () => {
  const output = await shell(maps).mapCurrentUser().output({ check: true });
  assert.equal(words(output.text()), [uid, gid, uid, uid, 1, gid, gid, 1]);
});

test('the last of these and setIdMaps counts', async () => {
  const rows = [
    [{ insideUid: 5, outsideUid: uid, count: 1 }],
    [{ insideGid: 6, outsideGid: gid, count: 1 }],
  ] as const;
  const first = await shell(maps)
    .mapRoot()
    .setIdMaps(...rows)
    .output({ check: true });
  assert.equal(words(first.text()).slice(0, 2), [5, 6]);
  const last = await shell(maps)
    .setIdMaps(...rows)
    .mapCurrentUser()
    .mapRoot()
    .output({ check: true });
  assert.equal(words(last.text()).slice(0, 2), [0, 0]);
});

/** What a client prints that finds this text in /etc/subuid and /etc/subgid, in a mount namespace of its own. */
async function withRanges(text: string, code: string): Promise<string> {
  const file = path.join(makeScratch(), 'ranges');
  writeFileSync(file, text);
  const script = `const { Command, Stdio } = require(${JSON.stringify(packageRoot)});
    (async () => { ${code} })().catch(error => console.log(error.message));`;
  const bind = (target: string) => step.syscall('mount', file, target, 'none', MS_BIND, 0);
  const client = new Command(runtimePath, ['-e', script]).unshare('mount');
  return (await client.preExec([bind('/etc/subuid'), bind('/etc/subgid')]).output({ check: true })).text();
}

const skip = uid !== 0 && 'only root can put another file in the place of /etc/subuid';

test(
  'mapAuto: the own ids are 0, and the subordinate ids come from 1 on',
  async () => {
    const said = await withRanges(
      '# ranges\nother:1:1\nroot:100000:10\n0:200000:5\n',
      `const command = new Command('/bin/sh', ['-c', ${JSON.stringify(maps)}]).mapAuto();
       console.log((await command.output({ check: true })).text(), command.outputSync({ check: true }).text());`,
    );
    const rows = [0, uid, 1, 1, 100000, 10, 11, 200000, 5];
    const other = path.join(makeScratch(), 'others');
    writeFileSync(other, 'of another user', { mode: 0o600 });
    chownSync(other, 1234, 1234);
    const read = await withRanges(
      'root:100000:10\n',
      `console.log((await new Command('/bin/cat').mapAuto().stdin(Stdio.file(${JSON.stringify(other)})).output({ check: true })).text())`,
    );
    assert.is(read, 'of another user\n');
    const expected = [0, 0, ...rows, ...rows];
    assert.equal(words(said), [...expected, ...expected], said);
  },
  { skip },
);

test(
  'mapAuto: what is missing is named',
  async () => {
    const none = await withRanges('', `await new Command('/bin/true').mapAuto().spawn();`);
    assert.match(
      none,
      'cannot map subordinate ids: /etc/subuid has no range for root; `unshare doctor` says',
    );
    const commands = await withRanges(
      'root:100000:10\n',
      `await new Command('/bin/true').mapAuto().setIdMapCommands('/nowhere/newuidmap', '/nowhere/newgidmap').spawn();`,
    );
    assert.match(commands, 'cannot run "/nowhere/newuidmap": No such file or directory');
  },
  { skip },
);

test('mapAuto without a range rejects with the stage of the id maps', async () => {
  const ranges = readFileSync('/etc/subuid', 'utf8').trim();
  const error = await shell('')
    .mapAuto()
    .spawn()
    .then(
      child => child.wait(),
      error => error,
    );
  assert.ok(error.stage === 'SetIdMap' || ranges !== '', `${error}`);
});

test('they are shown as what they map', () => {
  const shown = (command: ReturnType<typeof shell>) => `${command.display(Style.debug().env(false))}`;
  assert.match(shown(shell('').mapRoot()), `uid_map=[0 ${uid} 1]; gid_map=[0 ${gid} 1]`);
  assert.match(shown(shell('').mapAuto()), 'unshare=[user]; auto_maps');
});

test.run();
