import { execFileSync, spawnSync } from 'child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'fs';
import * as path from 'path';
import { Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { readDocument } from './doc-blocks';
import { suite } from './harness';
import { type Entry, LIST_VARIABLE, RECORD_VARIABLE } from './record';
import { makeScratch } from './scratch';
import {
  childrenOf,
  descriptorsOf,
  packageRoot,
  rootMaps,
  runtimePath,
  shell,
  sleep,
  until,
} from './support';
import { helperBinary } from './wrapped-helper';

const test = suite('security');
const scratch = makeScratch();

/** Rounds of each test that kills. `npm run soak` has more. */
const KILLS = Number(process.env.UNSHARE_TEST_KILLS ?? 25);

/** What docs/security.md says of what is guarded, one line of Markdown for each item. */
function guards(): string[] {
  const [guarded] = readDocument('docs/security.md').split('\n## What it does not do');
  const items = guarded!.split(/\n(?=- |\n)/).filter(part => part.startsWith('- '));
  return items.map(item => item.replace(/\s+/g, ' '));
}

/** The names of tests that an item has, in the form `file`: _name_; _name_, by their files. */
function namedTests(item: string): [file: string, name: string][] {
  const found: [string, string][] = [];
  let file = '';
  for (const [, first, name] of item.matchAll(/(?:`([a-z-]+)`: |; )_(.+?)_(?=[;,)])/g)) {
    file = first ?? file;
    found.push([file, name!]);
  }
  return found;
}

/** The names of the tests in a file, without that of their suite. None of them is run. */
function testsIn(file: string): string[] {
  const recordFile = path.join(mkdtempSync(path.join(scratch, 'list-')), 'record');
  const env = { ...process.env, [RECORD_VARIABLE]: recordFile, [LIST_VARIABLE]: '1' };
  spawnSync(runtimePath, [path.join(__dirname, `${file}.test.js`)], { env, stdio: 'ignore' });
  const entries: Entry[] = readFileSync(recordFile, 'utf8')
    .split('\n')
    .filter(line => line !== '')
    .map(line => JSON.parse(line));
  return entries.map(entry => entry.test.slice(entry.test.indexOf(': ') + 2));
}

test('everything that the document says is guarded names a test', () => {
  assert.ok(guards().length >= 25);
  assert.equal(
    guards().filter(item => namedTests(item).length === 0),
    [],
  );
});

test(
  'the tests that the document names are there',
  () => {
    const missing: string[] = [];
    const known = new Map<string, string[]>();
    for (const [file, name] of guards().flatMap(namedTests)) {
      if (!known.has(file)) known.set(file, testsIn(file));
      if (!known.get(file)!.includes(name)) missing.push(`${file}: ${name}`);
    }
    assert.equal(missing, []);
  },
  { skip: process.getuid!() !== 0 && 'some of them are there for root only' },
);

test('no socket of the helper has a name that anybody could connect to', async () => {
  const helper = new Helper();
  await shell('true').status({ helper });
  const inodes = [...descriptorsOf(helper.pid!).values()].flatMap(
    target => /^socket:\[(\d+)\]$/.exec(target)?.slice(1) ?? [],
  );
  // Num RefCount Protocol Flags Type St Inode Path
  const rows = readFileSync('/proc/net/unix', 'utf8')
    .split('\n')
    .map(line => line.trim().split(/\s+/))
    .filter(fields => inodes.includes(fields[6]!));
  assert.ok(rows.length >= 1);
  assert.equal(
    rows.map(fields => fields.slice(7)),
    rows.map(() => []),
  );
  assert.is(rows.length, inodes.length);
  await helper.close();
});

test('a working directory below /proc/self/fd does not lead out of a new root', async () => {
  const root = path.join(scratch, 'root');
  for (const directory of ['', 'bin', 'proc']) mkdirSync(path.join(root, directory));
  copyFileSync(busybox()!, path.join(root, 'bin/sh'));
  writeFileSync(path.join(root, 'inside'), '');
  execFileSync('chmod', ['755', path.join(root, 'bin/sh')]);
  // A directory of the old root that the helper is started with, as what its parents leaked would be.
  const leaky = path.join(scratch, 'leaky');
  writeFileSync(leaky, `#!/bin/sh\nexec ${helperBinary} 9< /\n`, { mode: 0o755 });
  const client = `
    const { Command } = require(${JSON.stringify(packageRoot)});
    (async () => {
      const told = [];
      for (let fd = 0; fd < 64; fd += 1) {
        const command = new Command('/bin/sh').args(['-c', 'cd -P ../../../../.. && echo *'])
          .chrootDir(${JSON.stringify(root)}).currentDir('/proc/self/fd/' + fd);
        await command.output().then(
          ({ stdout, stderr }) => told.push(String(stdout) + stderr),
          error => told.push(error.stage));
      }
      console.log(JSON.stringify(told));
    })();`;
  const { stdout, stderr } = await shell('mount --rbind /proc "$2" && exec "$0" -e "$1"')
    .args([runtimePath, client, path.join(root, 'proc')])
    .env('UNSHARE_HELPER', leaky)
    .unshare('user', 'mount')
    .setIdMaps(...rootMaps())
    .output();
  assert.is(stderr.toString(), '');
  const told: string[] = JSON.parse(stdout.toString());
  assert.is(told.length, 64);
  assert.equal(
    told.filter(what => what !== 'Chdir' && what !== 'bin inside proc\n'),
    [],
  );
});

function busybox(): string | undefined {
  return ['/bin/busybox', '/usr/bin/busybox'].find(existsSync);
}

/*
 * Eight spawns in flight: while one of their processes is cloned, it has copies of what the helper has for the others, so
 * that the end of the helper shows in none of its pipes.
 */
for (const victim of ['client', 'helper'] as const) {
  test(
    `a ${victim} that is killed at any moment of many spawns leaves no command, no helper and no zombie`,
    async () => {
      const mark = `unshare-test-${victim}-${process.pid}`;
      const helper = path.join(scratch, `${mark}-helper`);
      copyFileSync(helperBinary, helper);
      const code = `
        const plain = () => new unshare.Command('/bin/sleep').arg0('${mark}').arg('60').stdout('null').stderr('null');
        const maps = [[{ insideUid: 0, outsideUid: process.geteuid(), count: 1 }],
                      [{ insideGid: 0, outsideGid: process.getegid(), count: 1 }]];
        const sandboxed = () => plain().unshare('user', 'pid').setIdMaps(...maps);
        const inTime = () => plain().unshare('user', 'pid', 'time').setIdMaps(...maps);
        const runs = [plain, sandboxed, plain, inTime, plain, sandboxed, plain, inTime].map(async make => {
          for (;;) await make().spawn();
        });
        Promise.all(runs.map(run => run.catch(error => error.stage)))
          .then(stages => new unshare.Command('/bin/true').status().then(({ success }) => console.log(stages.length, success)));
        setImmediate(() => process.stdout.write(unshare.Helper.shared().pid + ' '));
        setTimeout(() => {}, 60_000);`;
      // Whatever is left behind becomes a child of this one.
      const reaper = new Helper({ subreaper: true });
      for (let round = 0; round < KILLS; round += 1) {
        const script = await new Command(runtimePath)
          .args(['-e', `const unshare = require(${JSON.stringify(packageRoot)});\n${code}`])
          .env('UNSHARE_HELPER', helper)
          .stdin('null')
          .stdout('piped')
          .spawn({ helper: reaper });
        const stdout = script.stdout!;
        const pid = await new Promise<number>(resolve => stdout.once('data', text => resolve(Number(text))));
        // From right after the first requests to well into many of them.
        await sleep((round * 37) % 50);
        const ended = script.wait();
        const settled = new Promise<string>(resolve => stdout.once('data', text => resolve(`${text}`)));
        if (victim === 'client') await script.kill();
        else {
          process.kill(pid, 'SIGKILL');
          assert.is(await settled, '8 true\n');
          await script.kill();
        }
        await ended;
        await until('commands and helper are gone', () => processesOf(mark).length === 0, 2000);
        await until('no zombie is left', () => childrenOf(reaper.pid!).length === 0, 2000);
      }
      await reaper.close();
    },
    { timeoutMs: 120_000 + KILLS * 500 },
  );
}

/** The processes, but for zombies, whose command line has `mark` in it. */
function processesOf(mark: string): string[] {
  return readdirSync('/proc').filter(pid => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(mark);
    } catch {
      return false;
    }
  });
}

test.run();
