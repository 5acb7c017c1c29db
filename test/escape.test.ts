import { spawnSync } from 'child_process';
import { writeFileSync } from 'fs';
import * as path from 'path';
import { Command, Style, UnshareError } from 'unshare';
import * as assert from 'uvu/assert';
import { quoteBytes } from '../client/bytes';
import { printFindings } from '../client/doctor/print';
import { escapeLines, escapeUnprintable, quote } from '../client/escape';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { packageRoot, runScript, runtimePath } from './support';

const test = suite('escape');

/** Clears a terminal, reverses text, hides text, ends a line. */
const HOSTILE = [
  '\u009b2J',
  '\u001b[2J',
  '\u202e',
  '\u2066',
  '\u200b',
  '\u2028',
  '\u007f',
  '\ufeff',
  '\u{e0041}',
];

/** By the runtime's own tables, which may be older than ours: every character that these call unprintable is one. */
const PROPERTIES =
  /[\p{Cc}\p{Cf}\p{Z}\p{Cs}\p{Co}\p{Default_Ignorable_Code_Point}\p{Noncharacter_Code_Point}]/u;

test('of all code points, exactly those that are not printable are escaped, and JSON.parse finds them again', () => {
  for (
    let codePoint = 0;
    codePoint <= 0x10ffff;
    codePoint += codePoint < 0x10000 || codePoint >= 0xe0000 ? 1 : 7
  ) {
    const character = String.fromCodePoint(codePoint);
    const hex = codePoint.toString(16);
    const quoted = quote(character);
    assert.is(JSON.parse(quoted), character, hex);
    const isEscaped = escapeUnprintable(character) !== character;
    if (character !== ' ' && PROPERTIES.test(character)) assert.ok(isEscaped, `U+${hex} is not escaped`);
    // A Braille cell without dots is no separator, but looks like a space.
    else if (isEscaped && codePoint !== 0x2800) assert.ok(isNewerFormat(codePoint), `U+${hex} is escaped`);
    if (isEscaped) assert.match(escapeUnprintable(character), /^\\([bfnrt]|u[0-9a-f]{4}(\\u[0-9a-f]{4})?)$/);
    const bytes = quoteBytes(Buffer.from(character));
    assert.not.match(bytes.replace(/ /g, ''), PROPERTIES, `U+${hex}`);
  }
});

/** Format characters of Unicode 14 and later, which old runtimes do not know. */
function isNewerFormat(codePoint: number): boolean {
  return (
    (codePoint >= 0x890 && codePoint <= 0x891) ||
    (codePoint >= 0x13430 && codePoint <= 0x1343f) ||
    codePoint === 0x180f
  );
}

/** What is printable is the subject of the test above. */
function assertPrintable(text: string): void {
  assert.is(text, escapeUnprintable(text));
}

test('a surrogate is escaped unless its other half is there', () => {
  assert.is(quote('a\ud83db\ude00\u{1f600}'), '"a\\ud83db\\ude00\u{1f600}"');
});

test('text that is printable is quoted as by JSON.stringify', () => {
  for (const text of ['', 'plain', 'a "b" \\', 'größe', '漢字', '\u{1f600}', 'line\nbreak\ttab']) {
    assert.is(quote(text), JSON.stringify(text));
  }
});

test('lines stay lines where that is wanted', () => {
  assert.is(escapeLines('a\u009b\nb\r\n'), 'a\\u009b\nb\\r\n');
});

test('bytes that are not UTF-8 have no raw control character either', () => {
  assert.is(quoteBytes(Buffer.from([0xff, 0x7f, 0x1b, 0x9b])), '"\\xff\\u007f\\u001b\\x9b"');
});

test('messages about a hostile script have its first line escaped', async () => {
  const script = path.join(makeScratch(), 'script');
  writeFileSync(script, '#!/x\u009b2J\u009b31mowned\u007f\u202etxt\n', { mode: 0o755 });
  for (const run of [() => new Command(script).status(), async () => new Command(script).statusSync()]) {
    const error = await run().then(
      () => assert.unreachable(),
      error => error,
    );
    assert.instance(error, UnshareError);
    assert.match(error.message, '#! line');
    assert.match(error.message, '/x\\u009b2J\\u009b31mowned\\u007f\\u202etxt');
    assertPrintable(`${error.stack}`.replace(/\n/g, ''));
  }
});

test('the words of a foreign error are escaped in the message, and kept in its cause', async () => {
  const cause = new Error('no\u001b[2J');
  const error = await new Command('/bin/true')
    .beforeUnfreeze(() => {
      throw cause;
    })
    .status()
    .catch(error => error);
  assert.match(error.message, 'no\\u001b[2J');
  assert.is(error.cause, cause);
});

for (const hostile of HOSTILE) {
  const name = quote(hostile);
  test(`${name} is raw in nothing that shows a command`, async () => {
    const command = new Command(`/nowhere/${hostile}`)
      .arg(hostile)
      .arg0(`x${hostile}`)
      .env(`K${hostile}`, hostile);
    command.currentDir(`/${hostile}`);
    for (const style of [Style.short(), Style.short().path(true), Style.debug()]) {
      assertPrintable(`${command.display(style)}`);
    }
    const error = await command.status().catch(error => error);
    assertPrintable(error.message);
    assert.ok(error.path.includes(hostile), 'the property is the path itself');
  });

  test(`${name} is raw in no TypeError`, () => {
    const calls: [string, () => unknown][] = [
      ['unshare', () => new Command('/x').unshare(hostile as 'pid')],
      ['keepCaps', () => new Command('/x').keepCaps([hostile as 'CAP_CHOWN'])],
      ['signal', () => new Command('/x').setParentDeathSignal(hostile as 'SIGTERM')],
      ['mountPropagation', () => new Command('/x').mountPropagation(hostile as 'slave')],
    ];
    for (const [what, call] of calls) {
      assert.throws(
        call,
        (error: Error) => error instanceof TypeError && error.message === escapeUnprintable(error.message),
        what,
      );
    }
  });

  test(`${name} is raw in nothing that doctor prints`, () => {
    const install = { path: `/etc/${hostile}`, text: `one ${hostile}\ntwo\n` };
    const printed = printFindings([
      { status: 'missing', name: 'x', found: hostile, advice: hostile, install },
    ]);
    assertPrintable(printed.replace(/\n/g, ''));
    assert.match(printed, /\ntwo\n/);
  });
}

test('NODE_DEBUG=unshare writes no raw control character', async () => {
  const code = `new unshare.Command('/nowhere/\\u009b2J').arg('\\u202e\\u2028\\u007f').status().catch(() => {});`;
  const { stderr } = await runScript(code, { ...process.env, NODE_DEBUG: 'unshare' });
  assert.match(stderr, '/nowhere/\\u009b2J');
  assertPrintable(stderr.replace(/\n/g, ''));
});

test('the command line writes no raw control character', () => {
  const cli = path.join(packageRoot, 'dist/client/cli.js');
  for (const words of [
    ['run', '/nowhere/\u009b2J'],
    ['run', 'nowhere\u009b2J'],
    ['run', '--x\u009b2J', 'y'],
    ['run', '--uid', '\u202e', 'y'],
    ['run', '--env', '\u2028', 'y'],
    ['\u001b[2J'],
  ]) {
    const { stderr } = spawnSync(runtimePath, [cli, ...words], { encoding: 'utf8' });
    assert.match(stderr, /^unshare: /);
    assertPrintable(stderr.replace(/\n/g, ''));
  }
});

test.run();
