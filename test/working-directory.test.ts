import * as assert from 'uvu/assert';
import type { UnshareError } from '../client/error/error';
import {
  resolvePath,
  type StartRequest,
  startDirectory,
  type WorkingDirectory,
} from '../client/helper/working-directory';
import { suite } from './harness';

const test = suite('working directory');

const REMOVED: WorkingDirectory = {
  error: Object.assign(new Error('removed'), { errno: -2, code: 'ENOENT' }),
};

/** Where the client and its helper are, what is asked for, and where the command starts. */
const CASES: [what: string, client: string, helper: string, request: Partial<Paths>, start: string | null][] =
  [
    ['the directory of the helper', '/a', '/a', {}, null],
    ['another directory than that of the helper', '/a', '/b', {}, '/a'],
    ['a relative directory', '/a', '/b', { currentDir: 'c' }, '/a'],
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
    const directory = startDirectory({ path: client }, { path: helper }, toRequest(paths));
    assert.is(directory === null ? null : directory.toString(), start);
  });
}

test('a root that is not UTF-8 is compared by its bytes', () => {
  const request = { ...toRequest({}), chrootDir: Buffer.of(0x2f, 0xff) };
  assert.is(startDirectory({ path: '/\ufffd/a' }, { path: '/' }, request)?.toString(), '/');
});

test('a directory beyond ASCII is inside a root in the same bytes', () => {
  const request = { ...toRequest({}), chrootDir: Buffer.from('/é') };
  assert.is(startDirectory({ path: '/é/ü' }, { path: '/' }, request)?.toString(), '/ü');
});

test('a removed directory is the top of a new root', () => {
  for (const paths of [{ chrootDir: '/a' }, { newRoot: '/a' }, { joins: 'mount' }] as const) {
    assert.is(startDirectory(REMOVED, { path: '/a' }, toRequest(paths))?.toString(), '/');
  }
});

test('a removed directory is an error of the stage Chdir', () => {
  assert.throws(
    () => startDirectory(REMOVED, { path: '/a' }, toRequest({ currentDir: 'b' })),
    (error: UnshareError) => error.stage === 'Chdir' && error.code === 'ENOENT' && error.syscall === 'getcwd',
  );
});

test('a removed directory does not matter to an absolute one', () => {
  assert.is(startDirectory(REMOVED, { path: '/a' }, toRequest({ currentDir: '/b' })), null);
});

test('a helper that was started in a removed directory is there already', () => {
  assert.is(startDirectory(REMOVED, REMOVED, toRequest({})), null);
});

const FAILURE = { stage: 'SetNs', item: 'net', path: 'a', doing: 'cannot join' } as const;

test('an absolute path is left as it is', () => {
  assert.is(resolvePath(Buffer.from('//a/../b'), REMOVED, FAILURE).toString(), '//a/../b');
});

test('a relative path starts at the directory of the client', () => {
  assert.is(resolvePath(Buffer.from('../a'), { path: '/b' }, FAILURE).toString(), '/b/../a');
});

test('a relative path in a removed directory is an error of the stage that is given', () => {
  assert.throws(
    () => resolvePath(Buffer.from('a'), REMOVED, FAILURE),
    (error: UnshareError) =>
      error.stage === 'SetNs' &&
      error.item === 'net' &&
      error.code === 'ENOENT' &&
      error.syscall === 'getcwd',
  );
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
    joins: joins === undefined ? [] : [{ namespace: joins, source: { pid: 1 } }],
  };
}
