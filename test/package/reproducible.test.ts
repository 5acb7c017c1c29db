import { readFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from '../harness';
import { type Build, checkoutOf, tarballOf } from './packed';

/* The two builds are in different directories, with different caches, times and time zones, and umasks. */
const test = suite('reproducible builds');

function helper(build: Build, architecture: string): Buffer {
  return readFileSync(path.join(checkoutOf(build), 'dist/helper', architecture, 'unshare-helper'));
}

for (const architecture of ['x64', 'arm64', 'arm', 'riscv64']) {
  test(`the helper for ${architecture} is the same, byte by byte`, () => {
    assert.ok(helper('first', architecture).equals(helper('second', architecture)));
  });
}

test('the whole package is the same, byte by byte', () => {
  assert.ok(readFileSync(tarballOf('first')).equals(readFileSync(tarballOf('second'))));
});

test.run();
