import { writeFileSync } from 'fs';
import * as path from 'path';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { DOING } from '../client/error/stage';
import { runtime } from '../client/runtime';
import { type Block, blocksOf, brokenLinks, documents, readDocument } from './doc-blocks';
import { compile, MISSING, RUNNERS } from './doc-programs';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { rejection } from './support';

/*
 * Every fenced block of README.md and docs/*.md names its language, and is a whole program: it is run as it stands, in a
 * directory where the package is installed, and has to end with status 0 and nothing on standard error. `js` with imports is
 * a module; `ts` is checked first; `json` is parsed.
 *
 * - A `text` block behind it, with one line between at most, is what it prints; `…` stands for anything within a line.
 * - The comment `<!-- as root -->` above it: it is run as root only.
 * - The comment `<!-- not on Deno: REASON -->` above it, or `; not on Deno: REASON` in another one: it is not run there.
 * - The comment `<!-- not run: REASON -->` above it: it is not run, and in the list below.
 * - `text` that follows no program is not looked at.
 */

/** The first line of each block that is not run, and why. */
const NOT_RUN = [
  'npm ci && npm test: it would run itself',
  'npm install ./unshare-0.1.0.tgz: by test/package/install.test.ts',
  "const { Helper } = require('unshare');: there is no helper beside it",
  "import { Command } from 'unshare';: by test/deno-permissions.test.ts",
  'deno run --allow-read=node_modules --allow-env --allow-sys=uid,gid,getegid --allow-run=node_modules/unshare/dist/helper/x64/unshare-helper main.js: by test/deno-permissions.test.ts',
  ...[
    "import { readFileSync } from 'fs';",
    'bun build --compile main.ts --outfile program',
    "import { readFileSync } from 'node:fs';",
    'deno compile --allow-all --node-modules-dir=manual --include node_modules/unshare/dist/helper/x64/unshare-helper main.ts',
    "const { getRawAsset } = require('node:sea');",
  ].map(line => `${line}: by test/extra/single-file.test.ts`),
];

const test = suite('docs');
const isRoot = process.getuid!() === 0;
const blocks = documents()
  .flatMap(file => blocksOf(file))
  .filter(({ language }) => language !== 'text');

function nameOf({ file, line, code }: Block): string {
  return `${file}:${line}: ${code.split('\n')[0]}`;
}

function reasonNotToRun({ marker }: Block): string | null {
  return /^not run: (.*)/.exec(marker ?? '')?.[1] ?? null;
}

/** Whether a program has printed this, where `…` stands for anything within a line. */
function isPrintedAs(expected: string, printed: string): boolean {
  const literal = (text: string) => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
  return new RegExp(`^${expected.split('…').map(literal).join('.*')}$`).test(printed);
}

test('what is not run is in the list, with its reason', () => {
  const found = blocks.filter(block => reasonNotToRun(block) !== null);
  assert.equal(
    found.map(block => `${block.code.split('\n')[0]}: ${reasonNotToRun(block)}`).sort(),
    [...NOT_RUN].sort(),
  );
});

for (const block of blocks.filter(block => reasonNotToRun(block) === null)) {
  const { language, code, marker, prints } = block;
  const skip =
    (/^as root\b/.test(marker ?? '') && !isRoot && 'it needs root') ||
    (runtime === 'deno' && /\bnot on Deno: (.*)/.exec(marker ?? '')?.[1]) ||
    MISSING[language] ||
    false;
  test(
    nameOf(block),
    async () => {
      const runner = RUNNERS[language];
      assert.ok(runner, `how is ${JSON.stringify(language)} run?`);
      const { stdout, stderr, status } = await runner!(code);
      assert.is(`${stderr}${status}`, 'exit status: 0');
      const printed = stdout.trimEnd();
      if (prints !== null && !isPrintedAs(prints, printed)) assert.is(printed, prints);
    },
    { skip },
  );
}

for (const file of documents()) {
  test(`${file}: links lead to files`, () => {
    assert.equal(brokenLinks(file), []);
  });
}

for (const block of blocksOf('README.md').filter(
  ({ language, code }) => language === 'js' && /^import /m.test(code),
)) {
  test(`${nameOf(block)} compiles as strict TypeScript`, () => compile(block.code), {
    skip: MISSING.ts || false,
  });
}

test('the message that the README quotes is what the error says', async () => {
  const text = readDocument('README.md').replace(/\n +/g, ' ');
  const quoted = /`(cannot execute "\/srv\/job".*?)`/.exec(text)![1]!;
  const script = path.join(makeScratch(), 'job');
  writeFileSync(script, '#!/opt/python3\n', { mode: 0o755 });
  const error = await rejection(new Command(script).status());
  assert.is(error.message.replace(script, '/srv/job'), quoted);
});

test('docs/errors.md has every stage, and no other', () => {
  const headings = readDocument('docs/errors.md')
    .split('\n')
    .filter(line => line.startsWith('### '));
  const documented = headings.flatMap(line => line.match(/`(\w+)`/g)!.map(name => name.slice(1, -1)));
  assert.equal(documented.sort(), Object.keys(DOING).sort());
});

test('the figures in the README are those of docs/performance.md', () => {
  const rows = (file: string) =>
    readDocument(file)
      .split('\n')
      .filter(line => /^\|.*(µs| ms|per second|GB\/s)/.test(line))
      .map(line => line.split('|').slice(2, -1));
  const figures = (cells: string[]) => cells.map(cell => cell.trim()).join(' | ');
  const measured = rows('docs/performance.md').map(figures);
  const shown = rows('README.md').map(figures);
  assert.ok(shown.length > 0);
  assert.equal(
    shown.filter(row => !measured.includes(row)),
    [],
  );
});

test.run();
