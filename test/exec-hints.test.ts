import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { Command, type UnshareError } from '../client';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { packageRoot, rejection, rootMaps, runtimePath } from './support';

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

/** What `code` prints, run by a client below a shell that is root of new user and mount namespaces, after `script`. */
async function printedAfter(script: string, code: string): Promise<string> {
  const client = `const { Command } = require(${JSON.stringify(packageRoot)}); (async () => {${code}})();`;
  const { stdout, stderr } = await new Command('/bin/sh')
    .args(['-c', `${script} && exec "$0" -e "$1"`, runtimePath, client])
    .setIdMaps(...rootMaps())
    .unshare('mount')
    .output();
  assert.is(`${stderr}`, '');
  return `${stdout}`;
}

test('a mount with noexec is named', async () => {
  const mounted = path.join(place, 'noexec');
  mkdirSync(mounted);
  const hint = await printedAfter(
    `mount -t tmpfs -o noexec none ${mounted} && cp /bin/true ${mounted}`,
    `await new Command('${mounted}/true').status().catch(error => console.log(error.code, error.hint));`,
  );
  assert.match(hint, `EACCES`);
  assert.ok(hint.includes(`${JSON.stringify(mounted)} is mounted noexec`), hint);
});

test('interpreters that are scripts, one after the other, are named', async () => {
  let script = '/bin/sh';
  for (let depth = 0; depth < 8; depth += 1) script = file(`depth-${depth}`, `#!${script}\n`);
  const error = await errorOf(script);
  assert.is(error.code, 'ELOOP');
  assert.match(error.hint!, 'a script whose interpreter is a script');
});

test(
  'a loader that nobody may execute is named',
  async () => {
    const short = mkdtempSync('/tmp/l-');
    const loader = path.join(short, 'ld');
    writeFileSync(loader, '', { mode: 0o644 });
    const program = readFileSync('/bin/true');
    const known = Buffer.from('/lib64/ld-linux-x86-64.so.2\0');
    const at = program.indexOf(known);
    assert.ok(at > 0);
    program.fill(0, at, at + known.length);
    program.write(loader, at);
    const patched = path.join(place, 'patched');
    writeFileSync(patched, program, { mode: 0o755 });
    const error = await errorOf(patched);
    unlinkSync(loader);
    rmdirSync(short);
    assert.is(error.code, 'EACCES');
    assert.ok(error.hint?.includes(`${JSON.stringify(loader)}: nobody may execute it`), `${error.hint}`);
  },
  { skip: process.arch !== 'x64' && 'the loader has another name' },
);

test(
  'a row of an id map that spans two rows of the parent namespace is named',
  async () => {
    const code = `const { Command } = require(${JSON.stringify(packageRoot)});
      new Command('/bin/true').setIdMaps([{ insideUid: 0, outsideUid: 5, count: 10 }], [{ insideGid: 0, outsideGid: 0, count: 1 }])
        .status().catch(error => console.log(error.stage, error.code, error.hint));`;
    const { stdout } = await new Command(runtimePath)
      .args(['-e', code])
      .setIdMaps(
        [
          { insideUid: 0, outsideUid: 0, count: 10 },
          { insideUid: 10, outsideUid: 20, count: 10 },
        ],
        [{ insideGid: 0, outsideGid: 0, count: 10 }],
      )
      .output();
    assert.match(`${stdout}`, 'SetIdMap EPERM the outside ids 5 to 14 are in several rows of the parent');
  },
  { skip: !isRoot && 'only root maps several rows' },
);

test('groups in a user namespace whose map an ordinary user wrote: the hint says that they cannot be set', async () => {
  const client = new Command('/bin/true').setIdMaps(...rootMaps()).groups([0]);
  if (isRoot) {
    assert.ok((await client.status()).success);
    return;
  }
  const error = await rejection(client.status());
  assert.equal([error.stage, error.code], ['SetUser', 'EPERM']);
  assert.match(error.hint!, 'groups cannot be set');
});

test.run();
