import { createPackageFromStreams, createPackageWithOptions } from '@electron/asar';
import { execFileSync, fork, spawn } from 'child_process';
import {
  createReadStream,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  statSync,
  writeFileSync,
} from 'fs';
import { createRequire } from 'module';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import { helperIn, installPackage } from './installed-package';
import { makeScratch } from './scratch';
import { packageRoot, runtimePath } from './support';

const test = suite('electron');
const skip =
  runtime !== 'node' &&
  'Electron is a Node, and the loader of this runtime cannot be made to look into archives';
const testPacked = (name: string, body: () => unknown) => test(name, body, { skip });
const scratch = makeScratch();
const loader = path.join(__dirname, 'asar-loader.js');

/** What the error and docs/packaging.md say, for Electron Forge and @electron/packager; and for electron-builder. */
const PATTERN = 'unshare-helper';
const BUILDER_PATTERN = '**/node_modules/unshare/dist/helper/**';

/** An application's code: it runs a command, with and without waiting, and tells what came of it. */
const main = `
  const { Command } = require('unshare');
  exports.run = async () => {
    try {
      const script = 'echo from $0; exit 7';
      const command = new Command('/bin/sh').args(['-c', script, 'here']).stdout('piped');
      const { status, stdout } = await command.output();
      const sync = command.outputSync();
      return [__filename, status.code, String(stdout), sync.status.code, String(sync.stdout)];
    } catch ({ stage, code, message }) {
      return [stage, code, message];
    }
  };`;

/** Loads and runs the application in a process of this kind. */
const startOf = (type: string, application: string) => `
  require(${JSON.stringify(loader)}).disguise('${type}');
  require(${JSON.stringify(path.join(application, 'main.js'))}).run()`;

const application = path.join(scratch, 'application');
mkdirSync(application);
writeFileSync(path.join(application, 'package.json'), '{ "name": "application", "main": "main.js" }');
writeFileSync(path.join(application, 'main.js'), main);
installPackage(application);

/** Packs the application, and returns the path of the archive. */
async function pack(
  options: Parameters<typeof createPackageWithOptions>[2],
  from = application,
): Promise<string> {
  const archive = path.join(mkdtempSync(path.join(scratch, 'resources-')), 'app.asar');
  await createPackageWithOptions(from, archive, options);
  return archive;
}

/** What a process prints, as JSON. */
async function answerOf(script: string): Promise<unknown[]> {
  const child = spawn(runtimePath, ['-e', `${script}.then(result => console.log(JSON.stringify(result)));`]);
  let stdout = '';
  let stderr = '';
  child.stdout.on('data', chunk => {
    stdout += chunk;
  });
  child.stderr.on('data', chunk => {
    stderr += chunk;
  });
  await new Promise(resolve => child.once('close', resolve));
  assert.is(stderr, '');
  return JSON.parse(stdout);
}

/** Packed as it should be, once for all tests. */
const packed = pack({ unpack: PATTERN });

const success = (archive: string) => [path.join(archive, 'main.js'), 7, 'from here\n', 7, 'from here\n'];

testPacked('the main process: the package is in the archive, and its helper unpacked', async () => {
  const archive = await packed;
  const unpacked = helperIn(path.join(`${archive}.unpacked`, 'node_modules/unshare'));
  assert.ok(existsSync(unpacked));
  assert.is(existsSync(path.join(`${archive}.unpacked`, 'node_modules/unshare/dist/client')), false);
  assert.equal(await answerOf(startOf('browser', archive)), success(archive));
});

testPacked('a worker thread', async () => {
  const archive = await packed;
  const inThread = `${startOf('worker', archive)}.then(result => require('worker_threads').parentPort.postMessage(result))`;
  const script = `
    require(${JSON.stringify(loader)}).disguise('browser');
    const { Worker } = require('worker_threads');
    const worker = new Worker(${JSON.stringify(inThread)}, { eval: true });
    new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject))`;
  assert.equal(await answerOf(script), success(archive));
});

testPacked('a utility process: forked, by another program than Node', async () => {
  const archive = await packed;
  const directory = path.dirname(archive);
  const program = path.join(directory, 'application');
  writeFileSync(program, `#!/bin/sh\nexec '${runtimePath}' "$@"\n`, { mode: 0o755 });
  const script = path.join(directory, 'utility.js');
  writeFileSync(script, `${startOf('utility', archive)}.then(result => process.send(result));`);
  const child = fork(script, [], { execPath: program, execArgv: [], stdio: 'inherit' });
  const result = await new Promise((resolve, reject) => {
    child.once('message', resolve);
    child.once('error', reject);
    child.once('exit', code => reject(new Error(`it exited with ${code}`)));
  });
  assert.equal(result, success(archive));
  child.disconnect();
});

testPacked('what was unpacked is what is used: with it moved away, no helper is found', async () => {
  const archive = await packed;
  renameSync(`${archive}.unpacked`, `${archive}.away`);
  const [stage, code] = await answerOf(startOf('browser', archive));
  renameSync(`${archive}.away`, `${archive}.unpacked`);
  assert.equal([stage, code], ['Helper', 'ENOENT']);
});

testPacked('a helper that was forgotten: the error says what to add for each packager', async () => {
  const archive = await pack({});
  const [stage, code, message] = await answerOf(startOf('browser', archive));
  assert.equal([stage, code], ['Helper', 'ENOENT']);
  assert.match(String(message), helperIn(path.join(`${archive}.unpacked`, 'node_modules/unshare')));
  assert.match(String(message), `"asarUnpack": ["${BUILDER_PATTERN}"]`);
  assert.match(String(message), `asar: { unpack: "${PATTERN}" }`);
});

test('the documentation says the same', () => {
  const text = readFileSync(path.join(packageRoot, 'docs/packaging.md'), 'utf8');
  assert.match(text, `"asarUnpack": ["${BUILDER_PATTERN}"]`);
  assert.match(text, `asar: { unpack: '${PATTERN}' }`);
  assert.match(text, `'{*.node,${PATTERN}}'`);
});

testPacked(
  'the pattern finds the helper wherever the application is built, and beside another one',
  async () => {
    // As in pnpm's store: patterns with a slash do not go into such directories.
    const hidden = path.join(scratch, '.hidden');
    mkdirSync(hidden);
    execFileSync('cp', ['-R', application, hidden]);
    for (const unpack of [PATTERN, `{*.node,${PATTERN}}`]) {
      const archive = await pack({ unpack }, path.join(hidden, 'application'));
      assert.equal(await answerOf(startOf('browser', archive)), success(archive));
    }
  },
);

testPacked('packed as by electron-builder, which looks at paths inside the application', async () => {
  const minimatch = createRequire(require.resolve('@electron/asar'))('minimatch');
  const archive = path.join(mkdtempSync(path.join(scratch, 'resources-')), 'app.asar');
  const files = execFileSync('find', ['.', '-printf', '%P\\0'], { cwd: application, encoding: 'utf8' });
  const streams = files
    .split('\0')
    .filter(name => name !== '')
    .map(name => {
      const file = path.join(application, name);
      const stat = statSync(file);
      const unpacked: boolean = !stat.isDirectory() && minimatch(name, BUILDER_PATTERN, { dot: true });
      return stat.isDirectory()
        ? { type: 'directory' as const, path: name, unpacked }
        : {
            type: 'file' as const,
            path: name,
            unpacked,
            stat,
            streamGenerator: () => createReadStream(file),
          };
    });
  await createPackageFromStreams(archive, streams);
  assert.equal(await answerOf(startOf('browser', archive)), success(archive));
});

test.run();
