import { chmodSync, copyFileSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { Command, type UnshareError } from '../client';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { rejection, rootMaps } from './support';

const test = suite('exec hints');
const place = mkdtempSync(path.join(makeScratch(), 'hints-'));
const isRoot = process.geteuid!() === 0;

function file(name: string, contents: string, mode = 0o755): string {
  const made = path.join(place, name);
  writeFileSync(made, contents);
  chmodSync(made, mode);
  return made;
}

async function errorOf(program: string): Promise<UnshareError> {
  return rejection(new Command(program).stdin('null').stdout('null').stderr('null').status());
}

const CASES: [what: string, make: () => string, code: string, words: string][] = [
  ['a line that ends with CR LF', () => file('crlf', '#!/bin/sh\r\ntrue\r\n'), 'ENOENT', 'ends with CR LF'],
  ['a byte order mark', () => file('bom', '\ufeff#!/bin/sh\n'), 'ENOEXEC', 'byte order mark'],
  ['an empty file', () => file('empty', ''), 'ENOEXEC', 'it is empty'],
  ['a #! line that is too long', () => file('long', `#!/${'x'.repeat(300)}\n`), 'ENOEXEC', 'too long'],
  [
    'an interpreter that nobody may execute',
    () => file('denied', `#!${file('interpreter', '', 0o644)}\n`),
    'EACCES',
    'interpreter": nobody may execute it: its mode is 0644',
  ],
  [
    'a nested interpreter that is missing',
    () => file('nested', `#!${file('inner', '#!/no/such/interpreter\n')}\n`),
    'ENOENT',
    'names the interpreter "/no/such/interpreter"',
  ],
  [
    'a dangling symbolic link',
    () => {
      symlinkSync('/no/such/target', path.join(place, 'dangling'));
      return path.join(place, 'dangling');
    },
    'ENOENT',
    'is a symbolic link to "/no/such/target", which does not exist',
  ],
];

for (const [what, make, code, words] of CASES) {
  test(`${what} is named`, async () => {
    const error = await errorOf(make());
    assert.equal([error.stage, error.code], ['Exec', code]);
    assert.ok(error.hint?.includes(words), `${error.hint}`);
  });
}

test(
  'a directory that may not be searched is named',
  async () => {
    const closed = path.join(place, 'closed');
    mkdirSync(closed);
    copyFileSync('/bin/true', path.join(closed, 'true'));
    chmodSync(closed, 0);
    const error = await errorOf(path.join(closed, 'true'));
    chmodSync(closed, 0o755);
    assert.is(error.code, 'EACCES');
    assert.ok(error.hint?.includes(`${JSON.stringify(closed)} may not be searched`), `${error.hint}`);
  },
  { skip: isRoot && 'root searches every directory' },
);

test('a user namespace without maps is named where an id cannot be set', async () => {
  const error = await rejection(new Command('/bin/true').unshare('user').uid(0).status());
  assert.equal([error.stage, error.code], ['SetUser', 'EINVAL']);
  assert.match(error.hint!, 'the new user namespace has no uid map');
  const unmapped = new Command('/bin/true').setIdMaps(...rootMaps()).uid(7);
  assert.match((await rejection(unmapped.status())).hint!, 'the uid is not mapped by setIdMaps()');
});

test.run();
