import { mkdirSync, mkdtempSync, renameSync, rmdirSync, symlinkSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import {
  type StartRequest,
  startOf,
  type WorkingDirectory,
  workingDirectory,
} from '../client/helper/working-directory';
import { suite } from './harness';
import { makeScratch } from './scratch';

const test = suite('working directory');

/** A directory that has its path as its identity: as far as the rules go, it is the only one of that path. */
function at(name: string): WorkingDirectory {
  return {
    identity: { device: 1, inode: BigInt(`0x${Buffer.from(name).toString('hex')}`) },
    path: Buffer.from(name),
  };
}

const REMOVED: WorkingDirectory = { identity: { device: 1, inode: 2 }, path: null };

/** What the helper is told: the client's directory, behind `client`, or the path where the command starts in another root. */
function told(client: WorkingDirectory, helper: WorkingDirectory, request: StartRequest): string | null {
  const { clientDir, startDir } = startOf(client, helper, request);
  assert.ok(clientDir === null || startDir === null);
  if (clientDir !== null) return `client ${clientDir.path}`;
  return startDir === null ? null : startDir.toString();
}

/** Where the client and its helper are, what is asked for, and where the command starts. */
const CASES: [what: string, client: string, helper: string, request: Partial<Paths>, start: string | null][] =
  [
    ['the directory of the helper', '/a', '/a', {}, null],
    ['another directory than that of the helper', '/a', '/b', {}, 'client /a'],
    ['a relative directory', '/a', '/b', { currentDir: 'c' }, 'client /a'],
    ['an absolute directory', '/a', '/b', { currentDir: '/c' }, null],
    ['an absolute directory in a new root', '/a', '/b', { currentDir: '/c', chrootDir: '/a' }, null],
    [
      'an absolute directory in a joined mount namespace',
      '/a',
      '/b',
      { currentDir: '/c', joins: 'mount' },
      null,
    ],

    ['a root above the client', '/a/b/c', '/a/b/c', { chrootDir: '/a' }, '/b/c'],
    ['a root where the client is', '/a/b', '/a/b', { chrootDir: '/a/b' }, '/'],
    ['a root below the client', '/a', '/a', { chrootDir: '/a/b' }, '/'],
    ['a root beside the client', '/a/b', '/a/b', { chrootDir: '/a/c' }, '/'],
    ['a root whose name starts alike', '/a/bc/d', '/a/bc/d', { chrootDir: '/a/b' }, '/'],
    ['a relative directory in a root', '/a/b', '/', { chrootDir: '/a', currentDir: 'c' }, '/b'],
    ['the root / as new root', '/a/b', '/a/b', { chrootDir: '/' }, '/a/b'],
    ['a client in /', '/', '/', { chrootDir: '/a' }, '/'],
    ['slashes at the end of a root', '/a/b', '/', { chrootDir: '/a//' }, '/b'],
    ['slashes side by side in a root', '/a/b/c', '/', { chrootDir: '//a///b' }, '/c'],
    ['a dot in a root', '/a/b/c', '/', { chrootDir: '/./a/./b/.' }, '/c'],
    ['two dots in a root, which are no name', '/a/b', '/', { chrootDir: '/a/x/..' }, '/'],

    ['a pivoted root above the client', '/a/b', '/', { newRoot: '/a' }, '/b'],
    ['a pivoted root beside the client', '/a/b', '/', { newRoot: '/c' }, '/'],
    ['a root inside a pivoted root', '/a/b/c', '/', { newRoot: '/a', chrootDir: '/b' }, '/c'],
    ['a root beside, inside a pivoted root', '/a/b/c', '/', { newRoot: '/a', chrootDir: '/c' }, '/'],
    ['a root inside a pivoted root beside', '/a/b/c', '/', { newRoot: '/x', chrootDir: '/a' }, '/'],
    ['a root that starts as the pivoted one does', '/a/b', '/', { newRoot: '/a', chrootDir: '/a' }, '/'],

    ['a joined mount namespace', '/a', '/a', { joins: 'mount' }, '/a'],
    ['a root in a joined mount namespace', '/a/b', '/a/b', { joins: 'mount', chrootDir: '/a' }, '/b'],
    ['another joined namespace', '/a', '/a', { joins: 'net' }, null],
  ];

for (const [what, client, helper, paths, start] of CASES) {
  test(`${what}: ${start ?? 'needs no start'}`, () => {
    assert.is(told(at(client), at(helper), toRequest(paths)), start);
  });
}

test('a root that is not UTF-8 is compared by its bytes', () => {
  const request = { ...toRequest({}), chrootDir: Buffer.of(0x2f, 0xff) };
  assert.is(told(at('/\ufffd/a'), at('/'), request), '/');
  const client = { ...at('/x'), path: Buffer.of(0x2f, 0xff, 0x2f, 0x61) };
  assert.is(told(client, at('/'), request), '/a');
});

test('a directory beyond ASCII is inside a root in the same bytes', () => {
  const request = { ...toRequest({}), chrootDir: Buffer.from('/é') };
  assert.is(told(at('/é/ü'), at('/'), request), '/ü');
});

test('a directory without a path is the top of a new root', () => {
  for (const paths of [{ chrootDir: '/a' }, { newRoot: '/a' }, { joins: 'mount' }] as const) {
    assert.is(told(REMOVED, at('/a'), toRequest(paths)), '/');
  }
});

test('a directory without a path is told by its identity, where it matters', () => {
  assert.is(told(REMOVED, at('/a'), toRequest({ currentDir: 'b' })), 'client null');
  assert.is(told(REMOVED, at('/a'), toRequest({ currentDir: '/b' })), null);
  assert.is(told(REMOVED, REMOVED, toRequest({})), null);
});

test('another directory of the same path is another one', () => {
  const again = { ...at('/a'), identity: { device: 1, inode: 3 } };
  assert.is(told(again, at('/a'), toRequest({})), 'client /a');
  assert.is(told({ ...at('/a'), path: Buffer.from('/b') }, at('/a'), toRequest({})), null);
});

test('a directory of which nothing but the path is known is compared by that, and where nothing is, it is the same', () => {
  const known = (name: string | null) => ({ identity: null, path: name === null ? null : Buffer.from(name) });
  assert.is(told(known('/a'), known('/b'), toRequest({})), 'client /a');
  assert.is(told(known('/a'), known('/a'), toRequest({})), null);
  assert.is(told(known(null), known(null), toRequest({})), null);
});

test('relative paths need the directory of the client also with another root and an absolute directory', () => {
  const request = toRequest({ currentDir: '/c', chrootDir: '/d' });
  const joining = { ...request, joins: [{ namespace: 'net', source: { path: Buffer.from('a') } }] } as const;
  assert.is(told(at('/a'), at('/b'), joining), 'client /a');
  const idMapCommands = { newuidmap: Buffer.from('/a'), newgidmap: Buffer.from('b') };
  const uidMaps = [{ inside: 0, outside: 0, count: 1 }];
  assert.is(told(at('/a'), at('/b'), { ...request, idMapCommands, uidMaps }), 'client /a');
  // Without maps, they are not run.
  assert.is(told(at('/a'), at('/b'), { ...request, idMapCommands }), null);
});

test('the directory of the client is found by its present name, and has none where that does not lead there', () => {
  const before = process.cwd();
  const root = mkdtempSync(path.join(makeScratch(), 'cwd-'));
  const name = (rest: string) => path.join(root, rest);
  mkdirSync(name('a'));
  symlinkSync('a', name('link'));
  process.chdir(name('link'));
  try {
    const first = workingDirectory();
    assert.is(`${first.path}`, name('a'));
    assert.is(workingDirectory(first), first);
    renameSync(name('a'), name('b'));
    mkdirSync(name('a'));
    const renamed = workingDirectory();
    assert.is(`${renamed.path}`, name('b'));
    assert.equal(renamed.identity, first.identity);
    // Where the path matters, it is found anew.
    assert.is(`${workingDirectory(first, toRequest({ chrootDir: root })).path}`, name('b'));
    rmdirSync(name('b'));
    assert.equal(workingDirectory(), { identity: first.identity, path: null });
  } finally {
    process.chdir(before);
  }
});

test.run();

interface Paths {
  currentDir: string;
  chrootDir: string;
  newRoot: string;
  joins: 'mount' | 'net';
}

function toRequest({ currentDir, chrootDir, newRoot, joins }: Partial<Paths>): StartRequest {
  return {
    currentDir: currentDir === undefined ? null : Buffer.from(currentDir),
    chrootDir: chrootDir === undefined ? null : Buffer.from(chrootDir),
    pivotRoot:
      newRoot === undefined
        ? null
        : { newRoot: Buffer.from(newRoot), putOld: Buffer.from(newRoot), unmount: true },
    descriptors: [],
    uidMaps: [],
    gidMaps: [],
    idMapCommands: null,
    joins: joins === undefined ? [] : [{ namespace: joins, source: { pid: 1 } }],
  };
}
