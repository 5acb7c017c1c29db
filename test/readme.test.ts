import { readFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { DOING } from '../client/stage';
import { suite } from './harness';
import { packageRoot, runScript } from './support';

const test = suite('README');

test('the first example prints what it says', async () => {
  const readme = readFileSync(path.join(packageRoot, 'README.md'), 'utf8');
  const [, example] = /```js\n(.*?)```/s.exec(readme)!;
  const code = example!.replace("require('unshare')", 'unshare');
  const { stdout, stderr } = await runScript(code);
  assert.is(stderr, '');
  assert.is(stdout, '0\n1\n\n');
});

test('docs/errors.md has every stage, and no other', () => {
  const errors = readFileSync(path.join(packageRoot, 'docs/errors.md'), 'utf8');
  const headings = errors.split('\n').filter(line => line.startsWith('### '));
  const documented = headings.map(line => line.match(/`(\w+)`/g)!.map(name => name.slice(1, -1)));
  const stages = Object.keys(DOING).sort();
  assert.equal(([] as string[]).concat(...documented).sort(), stages);
});

test.run();
