import { chmodSync, mkdirSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command, UnshareError } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { makeScratch } from './scratch';

const test = suite('find');
const scratch = makeScratch();

/** A directory with a file of this mode, called `tool`. */
function directory(name: string, mode: number): string {
  const made = path.join(scratch, name);
  mkdirSync(made);
  writeFileSync(path.join(made, 'tool'), '#!/bin/sh\necho found\n');
  chmodSync(path.join(made, 'tool'), mode);
  return made;
}

const good = directory('good', 0o755);
const denied = directory('denied', 0o644);

function failure(name: string, options = {}): UnshareError {
  try {
    Command.find(name, options);
  } catch (error) {
    assert.instance(error, UnshareError);
    return error as UnshareError;
  }
  throw new Error('it was found');
}

test('the first program in PATH, by its absolute path', async () => {
  assert.is(Command.find('sh'), Command.find('sh', { path: process.env.PATH! }));
  const found = Command.find('tool', { path: `${scratch}:${denied}:${good}:/bin` });
  assert.is(found, path.join(good, 'tool'));
  assert.is((await new Command(found).output()).text(), 'found\n');
  assert.is(Command.find('tool', { path: [denied, good] }), found);
});

test('relative directories count only where they are named', () => {
  const before = [process.cwd(), process.env.PATH] as const;
  process.chdir(scratch);
  try {
    assert.is(Command.find('tool', { path: 'good' }), path.join(good, 'tool'));
    process.env.PATH = ':good:.';
    assert.match(failure('tool').message, 'there is no absolute directory to look in');
    delete process.env.PATH;
    assert.is(failure('tool').code, 'ENOENT');
  } finally {
    process.chdir(before[0]);
    process.env.PATH = before[1];
  }
});

test('a name with a slash is a path', () => {
  assert.is(Command.find(`${good}/tool`), `${good}/tool`);
  assert.is(failure(`${good}/none`).code, 'ENOENT');
});

test('the error lists where it looked', () => {
  const missing = failure('tool', { path: [scratch, '/nowhere'] });
  assert.equal([missing.stage, missing.code, missing.item], ['Exec', 'ENOENT', 'tool']);
  assert.is(
    missing.message,
    `cannot find the program "tool": No such file or directory (ENOENT, errno 2); looked for "${scratch}/tool", "/nowhere/tool"`,
  );
  const refused = failure('tool', { path: [denied, scratch] });
  assert.equal([refused.code, refused.path], ['EACCES', `${denied}/tool`]);
  assert.match(refused.message, `"${denied}/tool" is not executable; looked for`);
  // A directory is no program.
  assert.is(failure('good', { path: [scratch] }).code, 'ENOENT');
});

test('what is no name or no path is a TypeError', () => {
  for (const name of ['', 'a\0b', 1]) assert.throws(() => Command.find(name as string), TypeError);
  assert.throws(() => Command.find('sh', { path: 1 as never }), TypeError);
});

test.run();
