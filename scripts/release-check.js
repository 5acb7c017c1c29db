// What has to hold for a version to be published: one line for each thing that does not. Wants what `npm run prepack` builds.
//
//     npm run release:check [-- --before-commit]
//
// With --before-commit, changes that git does not have yet are no reason to refuse.

const { execFileSync, spawn } = require('child_process');
const { createHash } = require('crypto');
const { existsSync, readFileSync } = require('fs');
const path = require('path');
const { isDeepStrictEqual } = require('util');

const root = path.join(__dirname, '..');
const architectures = ['x64', 'arm64', 'arm', 'riscv64'];

/** For the helper to say its version. */
const HELLO_TIMEOUT_MS = 5000;

const complaints = [];
const complain = text => complaints.push(text);
const at = (...names) => path.join(root, ...names);
const read = name => readFileSync(at(name), 'utf8');
const readJson = name => JSON.parse(read(name));

const manifest = readJson('package.json');
const { version } = manifest;

function checkVersion(place, found) {
  if (found !== version) complain(`${place} has version ${found ?? 'none'}, package.json ${version}`);
}

function checkSources() {
  checkVersion('client/version.ts', /^export const VERSION = '(.*)';$/m.exec(read('client/version.ts'))?.[1]);
  checkVersion('build.zig.zon', /^ {4}\.version = "(.*)",$/m.exec(read('build.zig.zon'))?.[1]);
}

function checkChangelog() {
  const [, unreleased, newest, date] =
    /^## \[Unreleased\]$(.*?)^## \[(.+?)\] - (.+?)$/ms.exec(read('CHANGELOG.md')) ?? [];
  checkVersion('CHANGELOG.md', newest);
  if (unreleased?.trim()) complain('CHANGELOG.md has entries that belong to no version');
  if (!/^\d{4}-\d\d-\d\d$/.test(date)) complain(`CHANGELOG.md has no date for ${newest}: ${date}`);
}

function checkLock() {
  const lock = readJson('package-lock.json');
  const locked = lock.packages[''];
  checkVersion('package-lock.json', lock.version);
  checkVersion('package-lock.json, at its root package,', locked.version);
  for (const kind of ['dependencies', 'devDependencies', 'engines', 'bin']) {
    if (!isDeepStrictEqual(locked[kind], manifest[kind])) complain(`package-lock.json has other ${kind}`);
  }
}

function checkHelpers() {
  if (!existsSync(at('dist/helper/hashes.json'))) return complain('dist/helper/hashes.json is missing');
  const hashes = readJson('dist/helper/hashes.json');
  const listed = Object.keys(hashes);
  if (!isDeepStrictEqual(listed, architectures))
    complain(`hashes.json is for ${listed}, not ${architectures}`);
  for (const architecture of architectures) {
    const name = `dist/helper/${architecture}/unshare-helper`;
    if (!existsSync(at(name))) {
      complain(`${name} is missing`);
      continue;
    }
    const helper = readFileSync(at(name));
    const hash = createHash('sha256').update(helper).digest('hex');
    if (hash !== hashes[architecture]) complain(`${name} is not what hashes.json says, but ${hash}`);
    // The end of a string: no other program of the package can be asked here.
    const names = new RegExp(`[^\\d.]${version.replace(/[.+]/g, '\\$&')}\0`);
    if (!names.test(helper.toString('latin1'))) complain(`${name} does not have version ${version}`);
  }
}

/** The helper for this machine, asked. */
async function checkRunningHelper() {
  const program = at('dist/helper', process.arch, 'unshare-helper');
  if (!existsSync(program)) return;
  const { FrameDecoder } = require(at('dist/client/protocol/codec.js'));
  const { unshare } = require(at('dist/client/messages.js'));
  const decoder = new FrameDecoder(64 * 1024);
  const helper = spawn(program, [], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] });
  const hello = await new Promise(resolve => {
    helper.on('error', () => resolve(null));
    helper.on('close', () => resolve(null));
    setTimeout(resolve, HELLO_TIMEOUT_MS, null).unref();
    helper.stdio[3].on('data', chunk => {
      for (const body of decoder.decode(chunk)) resolve(unshare.v1.ToClient.decode(body).hello);
    });
  });
  // It ignores SIGTERM, and ends with its client.
  helper.stdio[3].destroy();
  checkVersion('the helper for this machine', hello?.version);
}

function checkClient() {
  if (!existsSync(at('dist/client/version.js'))) return complain('dist/client is not built');
  checkVersion('dist/client', require(at('dist/client/version.js')).VERSION);
}

function checkGit() {
  const changes = execFileSync('git', ['status', '--porcelain'], { cwd: root, encoding: 'utf8' }).trimEnd();
  if (changes !== '') complain(`git does not have:\n${changes}`);
}

async function main() {
  checkSources();
  checkChangelog();
  checkLock();
  checkHelpers();
  checkClient();
  if (complaints.length === 0) await checkRunningHelper();
  if (!process.argv.includes('--before-commit')) checkGit();
  for (const complaint of complaints) console.error(complaint);
  if (complaints.length > 0) process.exitCode = 1;
  else console.log(`${manifest.name} ${version} can be published`);
}

main();
