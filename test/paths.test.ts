import { mkdirSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command, Helper } from 'unshare';
import { pathToFileURL, URL } from 'url';
import * as assert from 'uvu/assert';
import { type FileUrl, toPath } from '../client/path';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { shell } from './support';

const test = suite('paths as URLs');

test('program, working directory and the other paths', async () => {
  const directory = path.join(makeScratch(), 'a b%é');
  mkdirSync(directory);
  writeFileSync(path.join(directory, 'program'), '#!/bin/sh\npwd\n', { mode: 0o755 });
  const url = pathToFileURL(directory);
  const command = new Command(pathToFileURL(path.join(directory, 'program'))).currentDir(url);
  assert.is(`${(await command.output()).stdout}`, `${directory}\n`);
  assert.is(`${command.outputSync().stdout}`, `${directory}\n`);
  const printed = new Command(url)
    .chrootDir(url)
    .pivotRoot(url, url, true)
    .setNamespace(url, 'net')
    .setIdMaps([], [])
    .setIdMapCommands(url, url);
  assert.is(`${require('util').inspect(printed)}`.split('a b%é').length > 5, true);
  assert.is(new Helper({ path: url }).pid, null);
});

test('a URL of another realm, and bytes that are no UTF-8', () => {
  const foreign = { href: 'x', protocol: 'file:', hostname: '', pathname: '/a%FF%20b' };
  assert.is(toPath(foreign, 'path').toString('hex'), '2f61ff2062');
});

test('URLs that name no file: a TypeError that names the argument', () => {
  for (const text of ['http://host/a', 'file://host/a', 'file:///a%2fb', 'file:///a%00b']) {
    assert.throws(
      () => new Command(new URL(text)),
      (error: Error) => error instanceof TypeError && error.message.startsWith('program must'),
    );
  }
  const old = require('url').parse('file:///a') as FileUrl;
  assert.throws(() => new Command('/a').currentDir(old), /currentDir must be a string/);
  assert.throws(() => new Command('/a').arg(new URL('file:///a') as unknown as string), /argument must be/);
});

test('signal 0 asks whether a program can be signalled', async () => {
  const child = await shell('exec sleep 60').spawn();
  await child.signal(0);
  await child.kill();
  await child.wait();
  const error = await child.signal(0).then(
    () => null,
    error => error,
  );
  assert.is(error.code, 'ESRCH');
  assert.match(error.message, 'cannot send signal 0');
});

test.run();
