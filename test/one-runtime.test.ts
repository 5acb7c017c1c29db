import { existsSync, readdirSync, readFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { differsByRuntime, ONE_RUNTIME } from './one-runtime';

const test = suite('files for one runtime');

/** The compiled test file. */
const pathOf = (name: string) => path.join(__dirname, `${name}.test.js`);

/** In compiled code, what a file uses to find out about its runtime, or to use what each runtime has its own way of. */
const ASKS = /client\/runtime"|["']worker_threads["']|\b(isDeno|isBun|drivesPipes|process\.versions)\b/;

test('each exists, and has a reason', () => {
  for (const [name, reason] of Object.entries(ONE_RUNTIME)) {
    assert.ok(existsSync(pathOf(name)), name);
    assert.ok(reason.length > 10, name);
  }
});

test('none asks which runtime it is on, nor starts worker threads', () => {
  const asking = Object.keys(ONE_RUNTIME).filter(name => ASKS.test(readFileSync(pathOf(name), 'utf8')));
  assert.equal(asking, []);
});

test('files that do ask are recognized, and run on every runtime', () => {
  for (const name of ['pipe-fallback', 'sync', 'lifetimes']) {
    assert.match(readFileSync(pathOf(name), 'utf8'), ASKS, name);
    assert.ok(differsByRuntime(`${name}.test.js`), name);
  }
});

test('every other file, a new one as well, runs on every runtime', () => {
  const files = readdirSync(__dirname).filter(name => name.endsWith('.test.js'));
  assert.is(files.filter(differsByRuntime).length, files.length - Object.keys(ONE_RUNTIME).length);
  assert.ok(differsByRuntime('new.test.js'));
});

test.run();
