import { spawnSync } from 'child_process';
import { mkdtempSync, writeFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { type Block, blocksOf } from './doc-blocks';
import { suite } from './harness';
import { installPackage } from './installed-package';
import { makeScratch } from './scratch';

const tests = suite('permissions of Deno');
const isDeno = runtime === 'deno';
if (!isDeno) tests.skip('all of them', 'the runtime has no permissions of this kind');
const test = (name: string, body: () => unknown) => {
  if (isDeno) tests(name, body);
};

const documented = blocksOf('docs/runtimes.md');
const program = block('js').code;
const flags = block('sh')
  .code.split(' ')
  .filter(word => word.startsWith('--'))
  .map(flag => flag.replace('/x64/', `/${process.arch}/`));

/** As in the documentation, below the flags. */
const forSync = ['--allow-read=/tmp', '--allow-write=/tmp'];
const forClear = '--allow-env=UNSHARE_HELPER,NODE_V8_COVERAGE';

function block(language: string): Block {
  return documented.find(one => one.language === language)!;
}

const project = !isDeno ? '' : mkdtempSync(path.join(makeScratch(), 'project-'));

tests.before(() => {
  if (!isDeno) return;
  installPackage(project);
  writeFileSync(path.join(project, 'package.json'), '{ "dependencies": { "unshare": "*" } }');
});

/** What the program prints that runs with these permissions; no question is asked for others. */
function run(code: string, permissions: readonly string[]): { stdout: string; stderr: string } {
  writeFileSync(path.join(project, 'main.js'), code);
  // Deno takes a flag only once.
  const values = new Map<string, string[]>();
  for (const permission of permissions) {
    const [flag, value = ''] = permission.split('=') as [string, string?];
    values.set(flag, [...(values.get(flag) ?? []), value]);
  }
  const merged = [...values].map(([flag, all]) => (all[0] === '' ? flag : `${flag}=${all.join(',')}`));
  const args = ['run', '--quiet', '--no-prompt', ...merged, 'main.js'];
  return spawnSync(process.execPath, args, {
    cwd: project,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', TMPDIR: '/tmp' },
  });
}

const expected = { stdout: 'hello exit status: 0\n', stderr: '' };

test('the documented permissions are enough', () => {
  assert.is(flags.length, 4);
  const { stdout, stderr } = run(program, flags);
  assert.equal({ stdout, stderr }, expected);
});

for (const flag of flags) {
  const [kind] = /^--allow-(\w+)/.exec(flag)!.slice(1) as [string];
  test(`without --allow-${kind}, the error names it`, () => {
    const { stdout, stderr } = run(
      program,
      flags.filter(other => other !== flag),
    );
    assert.is(stdout, '');
    assert.match(stderr, new RegExp(`Requires ${kind} access`));
  });
}

test('each of the system’s ids is needed', () => {
  const names = ['uid', 'gid', 'getegid'];
  for (const name of names) {
    const others = names.filter(other => other !== name).join(',');
    const { stdout, stderr } = run(
      program,
      flags.map(flag => (flag.startsWith('--allow-sys') ? `--allow-sys=${others}` : flag)),
    );
    assert.is(stdout, '');
    assert.match(stderr, `Requires sys access to "${name}"`);
  }
});

test('with an empty environment, two variables are enough', () => {
  const code = program.replace("('/bin/echo')", "('/bin/echo').envClear()");
  assert.ok(code !== program);
  const { stdout, stderr } = run(
    code,
    flags.map(flag => (flag === '--allow-env' ? forClear : flag)),
  );
  assert.equal({ stdout, stderr }, expected);
});

test('a synchronous call needs a file besides, and the error names that', () => {
  const code = program.replace('await ', '').replace('.output()', '.outputSync()');
  const { stdout, stderr } = run(code, [...flags, ...forSync]);
  assert.equal({ stdout, stderr }, expected);
  for (const [missing, kind] of [
    [forSync[0], 'read'],
    [forSync[1], 'write'],
  ] as const) {
    const refused = run(code, [...flags, ...forSync.filter(flag => flag !== missing)]);
    assert.is(refused.stdout, '');
    assert.match(refused.stderr, 'cannot make a file for the command in /dev/shm or /tmp');
    assert.match(refused.stderr, new RegExp(`Requires ${kind} access to "/tmp/`));
  }
});

tests.run();
