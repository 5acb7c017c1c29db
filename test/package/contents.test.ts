import { createHash } from 'crypto';
import { mkdirSync, readdirSync, readFileSync, statSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from '../harness';
import { makeScratch } from '../scratch';
import { packageRoot } from '../support';
import { checkoutOf, listing, makeProject, outputOf, tarballOf } from './packed';

const test = suite('contents of the package');

const UNPACKED_SIZE_MAX = 900_000;

const architectures = ['arm', 'arm64', 'riscv64', 'x64'];
const helpers = architectures.map(name => `dist/helper/${name}/unshare-helper`);

/** The types that users can reach from index.d.ts. */
const types = [
  'bytes',
  'check/check-options',
  'command/capability',
  'command/command',
  'command/fd',
  'command/file-to-open',
  'command/find',
  'command/id-map',
  'command/input',
  'command/join-source',
  'command/mount-propagation',
  'command/namespace',
  'command/namespaces',
  'command/open-file',
  'command/printer',
  'command/spawn-request',
  'command/stdio',
  'command/step',
  'command/style',
  'command/sync-calls',
  'constants',
  'doctor/finding',
  'doctor/index',
  'error/error',
  'error/stage',
  'helper/helper',
  'index',
  'path',
  'pipe/pipe-reader',
  'pipe/pipe-writer',
  'process/abort',
  'process/call-watch',
  'process/child',
  'process/child-event',
  'process/child-events',
  'process/exit-error',
  'process/exit-status',
  'process/limit-errors',
  'process/output',
  'process/reap-zombies',
  'process/watch',
  'signals',
];

/** What the client is made of: index.js, and what it loads. */
const parts = ['client', 'connection', 'examine', 'helper-cache', 'messages', 'once', 'protobuf', 'syscalls'];

const project = makeProject(path.join(makeScratch(), 'project'));
const installed = path.join(project, 'node_modules/unshare');

test('these files, and no other', () => {
  const expected = [
    'CHANGELOG.md',
    'LICENSE',
    'README.md',
    'package.json',
    'dist/client/cli.js',
    'dist/client/index.js',
    'dist/client/index.mjs',
    'dist/client/index.d.mts',
    ...parts.map(name => `dist/client/${name}.js`),
    ...types.map(name => `dist/client/${name}.d.ts`),
    'dist/helper/hashes.json',
    ...helpers,
  ];
  assert.equal(
    listing()
      .files.map(file => file.path)
      .sort(),
    expected.sort(),
  );
});

test(`at most ${UNPACKED_SIZE_MAX} bytes when it is unpacked`, () => {
  const { unpackedSize } = listing();
  assert.ok(unpackedSize <= UNPACKED_SIZE_MAX, `${unpackedSize}`);
  // What it takes, in the end.
  const bytes = outputOf('du', ['--apparent-size', '--bytes', '--summarize', '.'], installed);
  assert.ok(parseInt(bytes, 10) <= UNPACKED_SIZE_MAX + 64 * 1024, bytes);
});

for (const build of ['first', 'second'] as const) {
  test(`everybody can read it, and execute what is to be executed: the ${build} build`, () => {
    const executables = [...helpers, 'dist/client/cli.js'].map(name => `package/${name}`);
    const lines = outputOf('tar', ['-tvzf', tarballOf(build)], '/')
      .trim()
      .split('\n');
    for (const line of lines) {
      const [mode, , , , , name] = line.split(/ +/);
      assert.is(mode, executables.includes(name!) ? '-rwxr-xr-x' : '-rw-r--r--', name);
    }
    assert.is(lines.length, listing().files.length);
  });
}

test('each helper is a static program for its architecture', () => {
  // `e_ident` and `e_machine` (man 5 elf): 64 bits or not, and which instructions.
  const machines = { arm: [1, 40], arm64: [2, 183], riscv64: [2, 243], x64: [2, 62] } as const;
  for (const [name, [bits, machine]] of Object.entries(machines)) {
    const elf = readFileSync(path.join(installed, `dist/helper/${name}/unshare-helper`));
    assert.is(elf.toString('latin1', 1, 4), 'ELF', name);
    assert.equal([elf[4], elf.readUInt16LE(18)], [bits, machine], name);
    assert.not.match(elf.toString('latin1'), '/ld-', name);
  }
});

test('hashes.json has the SHA-256 of each helper', () => {
  const hashes = JSON.parse(readFileSync(path.join(installed, 'dist/helper/hashes.json'), 'utf8'));
  assert.equal(Object.keys(hashes).sort(), architectures);
  for (const name of architectures) {
    const helper = readFileSync(path.join(installed, `dist/helper/${name}/unshare-helper`));
    assert.is(hashes[name], createHash('sha256').update(helper).digest('hex'), name);
  }
});

test('nothing is to be run at the installation', () => {
  const { scripts } = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'));
  const run = ['preinstall', 'install', 'postinstall', 'preprepare', 'prepare', 'postprepare', 'prepublish'];
  assert.equal(
    run.filter(name => name in scripts),
    [],
  );
  assert.not(readdirSync(installed).includes('binding.gyp'));
});

test('no path of the machine that built it', () => {
  for (const { path: name } of listing().files) {
    const text = readFileSync(path.join(installed, name), 'latin1');
    for (const place of [packageRoot, checkoutOf('first'), process.env.HOME]) {
      // Such as `/` or `/root`, which may be there for another reason.
      if (place && place.split('/').length > 2) assert.not(text.includes(place), `${name}: ${place}`);
    }
    assert.not.match(text, /sourceMappingURL/, name);
  }
});

test('publint has nothing to say', () => {
  const publint = path.join(packageRoot, 'node_modules/.bin/publint');
  const said = outputOf(publint, [tarballOf('first'), '--strict'], project);
  assert.match(said, 'All good!');
});

test('the types are right, by whichever way they are resolved: attw', () => {
  const attw = path.join(packageRoot, 'node_modules/.bin/attw');
  const place = makeScratch();
  mkdirSync(path.join(place, 'home'));
  const said = outputOf(attw, [tarballOf('first'), '--format', 'json'], place);
  assert.equal(JSON.parse(said).analysis.problems, []);
});

test('the program of the command line is there', () => {
  assert.ok(statSync(path.join(installed, 'dist/client/cli.js')).mode & 0o111);
  const { version } = JSON.parse(readFileSync(path.join(installed, 'package.json'), 'utf8'));
  assert.is(outputOf(path.join(installed, 'dist/client/cli.js'), ['--version'], project), `${version}\n`);
});

test.run();
