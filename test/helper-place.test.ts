import {
  chmodSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import { helperIn, installPackage } from './installed-package';
import { makeScratch } from './scratch';
import { rootMaps, runScript, runtimePath, shell } from './support';

const test = suite('helper place');
const knowsNoNoexec =
  runtime === 'deno' && "Deno's fs.access does not see that a file system is mounted noexec";
const isRoot = process.geteuid!() === 0;

const scratch = makeScratch();
const installed = installPackage(scratch);
const helper = helperIn(installed);

/** What a script may use of the package that is installed: `lines`, joined, are what it prints. */
const prelude = `
  const { Command, Helper } = require(${JSON.stringify(installed)});
  const lines = [];
  process.on('exit', () => console.log(lines.join('\\n')));
  const told = error => lines.push(error.stage, error.code, error.message);`;

/** A script that starts a command, and prints the exit code or what it is told. */
const startOne = `${prelude}
  new Command('/bin/sh').args(['-c', 'exit 7']).status().then(status => lines.push(status.code), told);`;

/** Runs a script where the user's cache is `cache`; returns the lines that it prints. */
async function linesOf(script: string, cache: string, env: NodeJS.ProcessEnv = {}): Promise<string[]> {
  const { stdout, stderr } = await runScript(script, { ...process.env, XDG_CACHE_HOME: cache, ...env });
  assert.is(stderr, '');
  return stdout.trim().split('\n');
}

function newDirectory(): string {
  return mkdtempSync(path.join(scratch, 'cache-'));
}

async function withMode(mode: number, body: () => Promise<void>): Promise<void> {
  chmodSync(helper, mode);
  try {
    await body();
  } finally {
    chmodSync(helper, 0o755);
  }
}

test('a helper that is executable is used where it is', async () => {
  const cache = newDirectory();
  assert.equal(await linesOf(startOne, cache), ['7']);
  assert.is(existsSync(path.join(cache, 'unshare')), false);
});

test('a helper that has lost its executable bits is repaired by a private copy', async () => {
  const cache = newDirectory();
  await withMode(0o644, async () => {
    assert.equal(await linesOf(startOne, cache), ['7']);
    assert.is(statSync(helper).mode & 0o777, 0o644);
  });
  const [file] = readdirSync(path.join(cache, 'unshare'));
  assert.ok(readFileSync(path.join(cache, 'unshare', file!)).equals(readFileSync(helper)));
});

test('so it is for synchronous calls, and for a helper that runs one command', async () => {
  const cache = newDirectory();
  const script = `${prelude}
    const { Fd } = require(${JSON.stringify(installed)});
    const command = new Command('/bin/sh').args(['-c', 'exit 7']);
    lines.push(command.statusSync().code);
    const file = require('fs').openSync('/proc/version', 'r');
    command.fileDescriptor(5, Fd.dupFile(file)).status().then(status => lines.push(status.code), told);`;
  await withMode(0o644, async () => {
    assert.equal(await linesOf(script, cache), ['7', '7']);
  });
});

test('the copy is looked at before every start, not only the first', async () => {
  const cache = newDirectory();
  const script = `${prelude}
    const fs = require('fs');
    const command = new Command('/bin/sh').args(['-c', 'exit 7']);
    lines.push(command.statusSync().code);
    const directory = ${JSON.stringify(path.join(cache, 'unshare'))};
    const file = directory + '/' + fs.readdirSync(directory)[0];
    fs.unlinkSync(file);
    fs.writeFileSync(file, '#!/bin/sh\\nexit 99\\n', { mode: 0o700 });
    lines.push(command.statusSync().code);`;
  await withMode(0o644, async () => {
    assert.equal(await linesOf(script, cache), ['7', '7']);
  });
});

test('without a place for the copy, the error names the helper and the places', async () => {
  await withMode(0o644, async () => {
    const [stage, code, message] = await linesOf(startOne, '/proc', { TMPDIR: '/proc/self' });
    assert.equal([stage, code], ['Helper', 'EACCES']);
    assert.match(message!, JSON.stringify(helper));
    assert.match(message!, 'not in "/proc/unshare"');
    assert.match(message!, /not in "\/proc\/self\/unshare-\d+"/);
  });
});

test('a place that was named is not repaired', async () => {
  const named = path.join(scratch, 'named-helper');
  writeFileSync(named, readFileSync(helper), { mode: 0o644 });
  const cache = newDirectory();
  const byOption = `${prelude}
    const helper = new Helper({ path: ${JSON.stringify(named)} });
    new Command('/bin/true').status({ helper }).then(status => lines.push(status.code), told);`;
  for (const lines of [
    await linesOf(byOption, cache),
    await linesOf(startOne, cache, { UNSHARE_HELPER: named }),
  ]) {
    assert.equal(lines.slice(0, 2), ['Helper', 'EACCES']);
    assert.match(lines[2]!, named);
  }
  assert.is(existsSync(path.join(cache, 'unshare')), false);
});

test(
  'a helper that cannot be read either is told as that',
  async () => {
    const cache = newDirectory();
    await withMode(0o000, async () => {
      const [stage, code, message] = await linesOf(startOne, cache);
      assert.equal([stage, code], ['Helper', 'EACCES']);
      assert.match(message!, helper);
    });
    assert.is(existsSync(path.join(cache, 'unshare')), false);
  },
  { skip: isRoot && 'root reads every file' },
);

test('a client that was moved away from its helper says what to do', async () => {
  const away = `${helper}-away`;
  renameSync(helper, away);
  const [stage, code, message] = await linesOf(startOne, newDirectory());
  renameSync(away, helper);
  assert.equal([stage, code], ['Helper', 'ENOENT']);
  assert.match(message!, helper);
  assert.match(message!, 'Helper.install');
});

/**
 * Runs `startOne` in a mount namespace that shell commands have prepared, with the cache in /mnt, a new file system that
 * the user owns and that is mounted with `options`. The package is read-only.
 */
async function linesWithMounts(options: string, prepare: string[] = []): Promise<string[]> {
  const result = path.join(newDirectory(), 'result');
  const script = startOne.replace('console.log(', `require('fs').writeFileSync(${JSON.stringify(result)}, `);
  const commands = [
    `mount -t tmpfs -o mode=755,${options} tmpfs /mnt`,
    ...prepare,
    `XDG_CACHE_HOME=/mnt TMPDIR=/proc exec ${runtimePath} -e "$0"`,
  ];
  const command = shell(commands.join(' && ')).arg(script).stdout('null').stderr('piped');
  const { status, stderr } = await command
    .unshare('user', 'mount')
    .setIdMaps(...rootMaps())
    .output();
  assert.equal([String(status), stderr.toString()], ['exit status: 0', '']);
  const text = readFileSync(result, 'utf8');
  unlinkSync(result);
  return text.split('\n');
}

const bindPackage = `mount --bind ${installed} ${installed}`;

test(
  'a package on a file system that is mounted noexec is repaired by a private copy',
  async () => {
    const lines = await linesWithMounts('exec', [bindPackage, `mount -o remount,bind,noexec ${installed}`]);
    assert.equal(lines, ['7']);
  },
  { skip: knowsNoNoexec },
);

test('a package on a read-only file system whose helper is not executable, too', async () => {
  await withMode(0o644, async () => {
    const lines = await linesWithMounts('exec', [bindPackage, `mount -o remount,bind,ro ${installed}`]);
    assert.equal(lines, ['7']);
  });
});

test(
  'and where the private directory is noexec as well, the error says so',
  async () => {
    const [stage, code, message] = await linesWithMounts('noexec', [
      bindPackage,
      `mount -o remount,bind,noexec ${installed}`,
    ]);
    assert.equal([stage, code], ['Helper', 'EACCES']);
    assert.match(message!, 'not in "/mnt/unshare": its file system is mounted noexec');
  },
  { skip: knowsNoNoexec },
);

test.run();
