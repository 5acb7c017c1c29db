import { createHash } from 'crypto';
import {
  chmodSync,
  chownSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'fs';
import * as path from 'path';
import { Helper, type UnshareError } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { runScript, shell } from './support';
import { helperBinary } from './wrapped-helper';

const test = suite('helper cache');
const isRoot = process.geteuid!() === 0;
const onlyRoot = isRoot ? false : 'only root gives files away';
const stranger = 61235;

const scratch = makeScratch();
const program = readFileSync(helperBinary);
const fileName = `unshare-helper-${createHash('sha256').update(program).digest('hex')}`;

function newDirectory(): string {
  return mkdtempSync(path.join(scratch, 'place-'));
}

/** Runs `body` where the user's cache and the temporary directory are these. */
function within<T>(cache: string, temporary: string, body: () => T): T {
  const { XDG_CACHE_HOME, TMPDIR } = process.env;
  Object.assign(process.env, { XDG_CACHE_HOME: cache, TMPDIR: temporary });
  try {
    return body();
  } finally {
    for (const [name, value] of Object.entries({ XDG_CACHE_HOME, TMPDIR })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  }
}

const install = (cache: string, temporary: string) => within(cache, temporary, () => Helper.install(program));

/** Asserts that a directory is not used, but the one in `temporary`, and that nothing was put into it. */
function assertAvoided(cache: string, reason: RegExp): void {
  const temporary = newDirectory();
  const own = `unshare-${process.geteuid!()}`;
  assert.is(install(cache, temporary), path.join(temporary, own, fileName));
  const error = failureOf(cache, '/proc');
  assert.match(error.message, reason);
}

/** What is told where neither place is usable. */
function failureOf(cache: string, temporary: string): UnshareError {
  try {
    install(cache, temporary);
  } catch (error) {
    return error as UnshareError;
  }
  throw new Error('it was installed');
}

test('the file has the hash in its name, and only the user can enter its directory', async () => {
  const cache = newDirectory();
  const file = install(cache, '/proc');
  assert.is(file, path.join(cache, 'unshare', fileName));
  assert.is(statSync(path.dirname(file)).mode & 0o7777, 0o700);
  assert.is(statSync(file).mode & 0o7777, 0o700);
  assert.ok(readFileSync(file).equals(program));
  assert.equal(readdirSync(path.dirname(file)), [fileName]);
  const helper = new Helper({ path: file });
  assert.is((await shell('exit 7').status({ helper })).code, 7);
  await helper.close();
});

test('without XDG_CACHE_HOME, the directory is in ~/.cache, which is made', () => {
  const home = newDirectory();
  const { HOME } = process.env;
  process.env.HOME = home;
  const file = install('', '/proc');
  process.env.HOME = HOME;
  assert.is(file, path.join(home, '.cache/unshare', fileName));
  assert.is(statSync(path.join(home, '.cache')).mode & 0o7777, 0o700);
});

test(
  'a user without a home has it in the temporary directory',
  () => {
    const temporary = newDirectory();
    const { HOME } = process.env;
    delete process.env.HOME;
    const file = install('', temporary);
    process.env.HOME = HOME;
    assert.is(file, path.join(temporary, `unshare-${process.geteuid!()}`, fileName));
  },
  { skip: isRoot && 'root has a home by /etc/passwd' },
);

test('a file that is right is used as it is', () => {
  const cache = newDirectory();
  const { ino } = statSync(install(cache, '/proc'));
  assert.is(statSync(install(cache, '/proc')).ino, ino);
});

for (const [name, spoil] of Object.entries<(file: string) => void>({
  'with other contents of the same length': file => writeFileSync(file, Buffer.alloc(program.length)),
  'that was cut off': file => truncateSync(file, 100),
  'that others can write to': file => chmodSync(file, 0o722),
  'that is setuid': file => chmodSync(file, 0o4700),
  'that is not executable': file => chmodSync(file, 0o600),
})) {
  test(`a file ${name} is replaced`, () => {
    const cache = newDirectory();
    const file = install(cache, '/proc');
    spoil(file);
    const { ino } = statSync(file);
    assert.is(install(cache, '/proc'), file);
    assert.is.not(statSync(file).ino, ino);
    assert.is(statSync(file).mode & 0o7777, 0o700);
    assert.ok(readFileSync(file).equals(program));
  });
}

test(
  'a file of another owner is replaced',
  () => {
    const cache = newDirectory();
    const file = install(cache, '/proc');
    chownSync(file, stranger, stranger);
    install(cache, '/proc');
    assert.is(statSync(file).uid, 0);
  },
  { skip: onlyRoot },
);

test('a symbolic link is replaced, and what it leads to is left alone', () => {
  const cache = newDirectory();
  const target = path.join(newDirectory(), 'target');
  writeFileSync(target, program, { mode: 0o700 });
  mkdirSync(path.join(cache, 'unshare'), 0o700);
  symlinkSync(target, path.join(cache, 'unshare', fileName));
  const { ino } = statSync(target);
  const file = install(cache, '/proc');
  assert.ok(lstatSync(file).isFile());
  assert.is.not(statSync(file).ino, ino);
});

test('a directory that is a symbolic link is not used', () => {
  const cache = newDirectory();
  const target = newDirectory();
  chmodSync(target, 0o700);
  symlinkSync(target, path.join(cache, 'unshare'));
  assertAvoided(cache, /"[^"]*\/unshare" is a symbolic link/);
  assert.equal(readdirSync(target), []);
});

for (const mode of [0o770, 0o702, 0o755]) {
  test(`a directory of mode ${mode.toString(8)} is not used`, () => {
    const cache = newDirectory();
    mkdirSync(path.join(cache, 'unshare'));
    chmodSync(path.join(cache, 'unshare'), mode);
    assertAvoided(cache, new RegExp(`/unshare" has the mode 0${mode.toString(8)}, not 0700`));
    assert.equal(readdirSync(path.join(cache, 'unshare')), []);
  });
}

test(
  'a directory of another owner is not used',
  () => {
    const cache = newDirectory();
    mkdirSync(path.join(cache, 'unshare'), 0o700);
    chownSync(path.join(cache, 'unshare'), stranger, stranger);
    assertAvoided(cache, new RegExp(`/unshare" belongs to user ${stranger}`));
    assert.equal(readdirSync(path.join(cache, 'unshare')), []);
  },
  { skip: onlyRoot },
);

test('a file in the place of the directory is not used', () => {
  const cache = newDirectory();
  writeFileSync(path.join(cache, 'unshare'), '');
  assertAvoided(cache, /EEXIST/);
});

test('a directory that others could put theirs in place of is not used, unless it is sticky', () => {
  const cache = path.join(newDirectory(), 'open', 'cache');
  mkdirSync(cache, { recursive: true });
  chmodSync(path.dirname(cache), 0o777);
  assertAvoided(cache, /others can write to "[^"]*\/open", whose mode is 0777/);
  assert.equal(readdirSync(cache), []);
  chmodSync(path.dirname(cache), 0o1777);
  assert.is(install(cache, '/proc'), path.join(cache, 'unshare', fileName));
});

test(
  'nor one in a directory of another owner: that of root is not in the home that sudo has left it',
  () => {
    const home = newDirectory();
    chownSync(home, stranger, stranger);
    mkdirSync(path.join(home, '.cache'));
    assertAvoided(path.join(home, '.cache'), new RegExp(`belongs to user ${stranger}`));
    assert.equal(readdirSync(path.join(home, '.cache')), []);
  },
  { skip: onlyRoot },
);

test('a cache that is reached by a symbolic link is looked at where it is', () => {
  const open = newDirectory();
  chmodSync(open, 0o777);
  mkdirSync(path.join(open, 'cache'));
  const link = path.join(newDirectory(), 'link');
  symlinkSync(path.join(open, 'cache'), link);
  assertAvoided(link, /others can write to/);
});

test('where there is no place, the error names those tried, and what is wrong with each', () => {
  const error = failureOf('/proc/self/nowhere', '/proc');
  assert.is(error.name, 'UnshareError');
  assert.is(error.stage, 'Helper');
  assert.match(error.message, /not in "\/proc\/self\/nowhere\/unshare": ENOENT/);
  assert.match(error.message, new RegExp(`not in "/proc/unshare-${process.geteuid!()}": ENOENT`));
});

test('processes that install it at the same time all have it, and leave one file', async () => {
  const parent = newDirectory();
  const rounds = Array.from({ length: 50 }, (_, round) => path.join(parent, String(round)));
  const start = Date.now() + 1500;
  const script = `
    const program = require('fs').readFileSync(${JSON.stringify(helperBinary)});
    const files = ${JSON.stringify(rounds)}.map((cache, round) => {
      process.env.XDG_CACHE_HOME = cache;
      while (Date.now() < ${start} + round * 20);
      return unshare.Helper.install(program);
    });
    console.log(files.join());`;
  const env = { ...process.env, TMPDIR: '/proc' };
  const results = await Promise.all(Array.from({ length: 6 }, () => runScript(script, env)));
  const files = rounds.map(cache => path.join(cache, 'unshare', fileName));
  for (const { stdout, stderr } of results) assert.equal([stdout, stderr], [`${files.join()}\n`, '']);
  for (const file of files) {
    assert.equal(readdirSync(path.dirname(file)), [fileName]);
    assert.ok(readFileSync(file).equals(program));
  }
});

test('what is no helper is refused at once', () => {
  const foreign = Buffer.from(program);
  foreign.writeUInt16LE(0xffff, 18);
  const wrong: [unknown, ErrorConstructor][] = [
    [helperBinary, TypeError],
    [undefined, TypeError],
    [new Uint8Array(0), RangeError],
    [Buffer.from('#!/bin/sh\n'), RangeError],
    [foreign, RangeError],
  ];
  for (const [value, type] of wrong) {
    assert.throws(
      () => Helper.install(value as Uint8Array),
      (error: Error) => error instanceof type && /^program must be/.test(error.message),
    );
  }
});

test.run();
