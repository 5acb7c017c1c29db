import { writeFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from '../harness';
import { makeScratch } from '../scratch';
import { makeProject, outputOf } from './packed';
import { tool } from './tools';

const test = suite('require and import');

const project = makeProject(path.join(makeScratch(), 'project'));

function run(node: string, name: string, code: string): string {
  writeFileSync(path.join(project, name), code);
  return outputOf(node, ['--no-warnings', name], project);
}

const nodes: Record<string, () => string> = {
  'this Node': () => process.execPath,
  'Node 12.17': () => path.join(tool('node-12.17'), 'bin/node'),
};

const bothWays = `
  import * as imported from 'unshare';
  import { createRequire } from 'module';
  const required = createRequire(import.meta.url)('unshare');`;

for (const [name, node] of Object.entries(nodes)) {
  test(`${name}: import has every name that require has, for the same value, and no other`, () => {
    const code = `${bothWays}
      const names = Object.keys(required).sort();
      const others = Object.keys(imported).filter(name => imported[name] !== required[name]);
      console.log(JSON.stringify([names, Object.keys(imported).sort(), others]));`;
    const [required, imported, others] = JSON.parse(run(node(), 'parity.mjs', code));
    assert.ok(required.includes('Command') && required.includes('O_RDWR'));
    assert.equal(imported, required);
    assert.equal(others, []);
  });

  test(`${name}: one shared helper, whichever way`, () => {
    const code = `${bothWays}
      const pid = async ({ Command, Helper }) => {
        await new Command('/bin/true').status();
        return Helper.shared().pid;
      };
      (async () => {
        console.log(imported.Helper.shared() === required.Helper.shared());
        console.log((await pid(imported)) === (await pid(required)));
      })();`;
    assert.is(run(node(), 'shared.mjs', code), 'true\ntrue\n');
  });

  test(`${name}: import can be done without waiting for it, from a CommonJS module`, () => {
    const code = `import('unshare').then(({ Command }) => console.log(Command === require('unshare').Command));`;
    assert.is(run(node(), 'dynamic.cjs', code), 'true\n');
  });
}

test('Node 12.17: require', () => {
  const code = `
    const { Command } = require('unshare');
    new Command('/bin/echo').arg('hello').output().then(({ stdout }) => console.log(String(stdout)));`;
  assert.is(run(path.join(tool('node-12.17'), 'bin/node'), 'old.js', code), 'hello\n\n');
});

test('nothing global is left by loading it, and by a command', () => {
  const code = `
    globalThis.protobuf = 'mine';
    const before = Object.getOwnPropertyNames(globalThis).join();
    const { Command } = require('unshare');
    new Command('/bin/true').status().then(() => {
      console.log(Object.getOwnPropertyNames(globalThis).join() === before, globalThis.protobuf);
    });`;
  assert.is(run(process.execPath, 'global.cjs', code), 'true mine\n');
  assert.is(
    run(process.execPath, 'undefined.cjs', code.replace("globalThis.protobuf = 'mine';", '')),
    'true undefined\n',
  );
});

test('there is no way to the modules inside', () => {
  const code = `
    try {
      require('unshare/dist/client/helper/helper.js');
    } catch (error) {
      console.log(error.code);
    }
    console.log(require('unshare/package.json').name);`;
  assert.is(run(process.execPath, 'inside.cjs', code), 'ERR_PACKAGE_PATH_NOT_EXPORTED\nunshare\n');
});

test('what only a command, or only doctor, needs is not even read before', () => {
  const code = `
    const path = require('path');
    const loaded = () => Object.keys(require.cache).map(file => path.basename(file)).filter(name => name !== 'parts.cjs').sort();
    const { Command } = require('unshare');
    console.log(loaded().join());
    new Command('/bin/true').status().then(() => {
      const names = loaded();
      console.log(names.includes('messages.js'), names.includes('examine.js'), names.includes('once.js'), names.includes('syscalls.js'));
    });`;
  assert.is(run(process.execPath, 'parts.cjs', code), 'client.js,index.js\ntrue false false false\n');
});

test('classes have their names, those with static members as well', () => {
  const code = `
    const { Child, Command, Fd, Helper, Stdio, UnshareError } = require('unshare');
    console.log([Child, Command, Fd, Helper, Stdio, UnshareError].map(({ name }) => name).join());`;
  assert.is(run(process.execPath, 'names.cjs', code), 'Child,Command,Fd,Helper,Stdio,UnshareError\n');
});

test('what is thrown is shown with a short line of the code, and with the names of functions', () => {
  const code = `
    const { Command } = require('unshare');
    try {
      new Command('/bin/true').uid(-1);
    } catch (error) {
      console.log(error.stack);
    }`;
  const stack = run(process.execPath, 'stack.cjs', code);
  assert.match(stack, /^RangeError: /);
  assert.match(stack, /at Command\.uid \(.*client\.js:\d+:\d{1,3}\)/);
});

test.run();
