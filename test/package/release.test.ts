import { execFileSync, spawnSync } from 'child_process';
import { readFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from '../harness';
import { makeScratch } from '../scratch';
import { packageRoot } from '../support';
import { checkoutOf, cleanEnvironment, outputOf } from './packed';

const test = suite('release');

const checkout = path.join(makeScratch(), 'checkout');
const environment = cleanEnvironment({
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_NAME: 'test',
  GIT_AUTHOR_EMAIL: 'test@example.org',
  GIT_COMMITTER_NAME: 'test',
  GIT_COMMITTER_EMAIL: 'test@example.org',
});

const run = (program: string, ...args: string[]) => outputOf(program, args, checkout, environment);
const read = (name: string) => readFileSync(path.join(checkout, name), 'utf8');
const write = (name: string, data: string | Buffer) => writeFileSync(path.join(checkout, name), data);
const { version: first } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8'));

/** What the check says, with the status that it exits with. */
function check(...args: string[]): [status: number | null, said: string] {
  const { status, stdout, stderr } = spawnSync(process.execPath, ['scripts/release-check.js', ...args], {
    cwd: checkout,
    env: environment,
    encoding: 'utf8',
  });
  return [status, stdout + stderr];
}

/** The version that is released here. */
const version = '9.8.7';

test.before(() => {
  execFileSync('cp', ['-a', checkoutOf('first'), checkout]);
  run('git', 'init', '--quiet');
  run('git', 'add', '--all');
  run('git', 'commit', '--quiet', '--message=as it is');
});

test('npm version dates the heading of a version that the changelog has as unreleased', () => {
  write('CHANGELOG.md', read('CHANGELOG.md').replace(/^(## \[\d.*\] - ).*$/m, '$1Unreleased'));
  assert.equal(check('--before-commit'), [1, `CHANGELOG.md has no date for ${first}: Unreleased\n`]);
  // What npm runs after it has changed package.json.
  run('node', 'scripts/set-version.js');
  assert.equal(check('--before-commit'), [0, `unshare ${first} can be published\n`]);
  const today = new Date().toISOString().slice(0, 10);
  assert.match(read('CHANGELOG.md'), `## [Unreleased]\n\n## [${first}] - ${today}\n`);
  run('git', 'checkout', '--quiet', '--', 'CHANGELOG.md');
});

test(
  'npm version makes a release that the check accepts, committed and tagged',
  () => {
    run('npm', 'version', version);
    assert.equal(check(), [0, `unshare ${version} can be published\n`]);
    assert.is(run('git', 'describe', '--exact-match'), `v${version}\n`);
    assert.is(run('node', 'dist/client/cli.js', '--version'), `${version}\n`);
    assert.match(read('CHANGELOG.md'), `## [Unreleased]\n\n## [${version}] - `);
  },
  // It builds the package. Each helper is compiled again, since it contains the version.
  { timeoutMs: 300_000 },
);

/** What the check complains of, after a change to one file. */
const breaches: { name: string; file: string; change(text: string): string; complaint: RegExp }[] = [
  {
    name: 'the version of package.json',
    file: 'package.json',
    change: text => text.replace(`"version": "${version}"`, '"version": "9.9.9"'),
    complaint: /^client\/version.ts has version .*, package.json 9\.9\.9$/m,
  },
  {
    name: 'the version of the client',
    file: 'client/version.ts',
    change: text => text.replace(version, '9.9.9'),
    complaint: /^client\/version.ts has version 9\.9\.9, package.json /m,
  },
  {
    name: 'the version of the client, as it is compiled',
    file: 'dist/client/version.js',
    change: text => text.replace(version, '9.9.9'),
    complaint: /^dist\/client has version 9\.9\.9, package.json /m,
  },
  {
    name: 'the version of the sources of the helper',
    file: 'build.zig.zon',
    change: text => text.replace(version, '9.9.9'),
    complaint: /^build.zig.zon has version 9\.9\.9, package.json /m,
  },
  {
    name: 'the newest version in the changelog',
    file: 'CHANGELOG.md',
    change: text => text.replace(`## [${version}]`, '## [9.9.9] - 2026-01-01\n\n- Something\n\n$&'),
    complaint: /^CHANGELOG.md has version 9\.9\.9, package.json /m,
  },
  {
    name: 'an entry of the changelog without a version',
    file: 'CHANGELOG.md',
    change: text => text.replace('## [Unreleased]\n', '$&\n- Something\n'),
    complaint: /^CHANGELOG.md has entries that belong to no version$/m,
  },
  {
    name: 'the version of the lock file',
    file: 'package-lock.json',
    change: text => text.replace(`"version": "${version}"`, '"version": "9.9.9"'),
    complaint: /^package-lock.json has version 9\.9\.9, package.json /m,
  },
  {
    name: 'the dependencies of the lock file',
    file: 'package-lock.json',
    change: text => text.replace(/"protobufjs": ".*"/, '"protobufjs": "^1.0.0"'),
    complaint: /^package-lock.json has other dependencies$/m,
  },
  {
    name: 'a hash',
    file: 'dist/helper/hashes.json',
    change: text => text.replace(/"arm64": "./, '"arm64": "x'),
    complaint: /^dist\/helper\/arm64\/unshare-helper is not what hashes.json says, but [0-9a-f]{64}$/m,
  },
  {
    name: 'an architecture',
    file: 'dist/helper/hashes.json',
    change: text => text.replace(/ {2}"riscv64".*\n/, '').replace(/,\n}/, '\n}'),
    complaint: /^hashes.json is for x64,arm64,arm, not x64,arm64,arm,riscv64$/m,
  },
  {
    name: 'something that git does not have',
    file: 'helper/forgotten.zig',
    change: () => '// Forgotten.\n',
    complaint: /^git does not have:\n\?\? helper\/forgotten\.zig$/m,
  },
];

for (const { name, file, change, complaint } of breaches) {
  test(`refused: ${name}`, () => {
    const place = path.join(checkout, file);
    const before = file === 'helper/forgotten.zig' ? null : readFileSync(place, 'utf8');
    const after = change(before ?? '');
    assert.is.not(after, before);
    write(file, after);
    try {
      const [status, said] = check();
      assert.is(status, 1);
      assert.match(said, complaint);
    } finally {
      if (before === null) run('rm', '--', place);
      else write(file, before);
    }
    assert.is(check()[0], 0);
  });
}

for (const architecture of ['x64', 'arm64', 'arm', 'riscv64']) {
  const file = `dist/helper/${architecture}/unshare-helper`;

  test(`refused: a helper of another version, with its hash: ${architecture}`, () => {
    const before = readFileSync(path.join(checkout, file));
    const hashes = read('dist/helper/hashes.json');
    const at = before.indexOf(`${version}\0`);
    assert.ok(at > 0);
    const after = Buffer.from(before);
    after.write('8', at, 'latin1');
    const hash = (data: Buffer) => execFileSync('sha256sum', { input: data, encoding: 'utf8' }).slice(0, 64);
    assert.ok(hashes.includes(hash(before)));
    write(file, after);
    write('dist/helper/hashes.json', hashes.replace(hash(before), hash(after)));
    try {
      assert.equal(check(), [1, `${file} does not have version ${version}\n`]);
    } finally {
      write(file, before);
      write('dist/helper/hashes.json', hashes);
    }
  });

  test(`refused: no helper: ${architecture}`, () => {
    run('mv', file, '.git/helper');
    try {
      assert.equal(check(), [1, `${file} is missing\n`]);
    } finally {
      run('mv', '.git/helper', file);
    }
  });
}

test.run();
