import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmdirSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { Command, Helper } from '../client';
import type { SpawnRequest } from '../client/command/spawn-request';
import { UnshareError } from '../client/error/error';
import { Connection } from '../client/helper/connection';
import { workingDirectory } from '../client/helper/working-directory';
import type { Child } from '../client/process/child';
import { Run } from '../client/process/run';
import { toSpawnMessage } from '../client/protocol/spawn-message';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { rootMaps } from './support';
import { helperBinary, wrappedHelper } from './wrapped-helper';

const test = suite('directory of the client');
const scratch = makeScratch();
const start = process.cwd();
let place = '';

test.before.each(async () => {
  // Helpers are where they were started.
  await new Command('/bin/true').status();
  place = mkdtempSync(path.join(scratch, 'place-'));
});

test.after.each(() => {
  process.chdir(start);
});

function identityOf(directory: string): string {
  const { dev, ino } = statSync(directory, { bigint: true });
  return `${dev}:${ino}`;
}

/** A shell, without a pipe: a helper that has one may be a new one, which the runtime starts in the right directory. */
function script(code: string): Command {
  return new Command('/bin/sh').args(['-c', code]).stdin('null').stdout('null').stderr('null');
}

let runs = 0;

/** Where a program is that is prepared like this. */
async function directoryOf(prepare: (command: Command) => void = () => {}, helper?: Helper): Promise<string> {
  const file = path.join(scratch, `seen-${runs++}`);
  const command = script('stat -c %d:%i . > "$0"').arg(file);
  prepare(command);
  const status = await command.status(helper === undefined ? {} : { helper });
  assert.is(`${status}`, 'exit status: 0');
  return readFileSync(file, 'utf8').trim();
}

async function rejection(promise: Promise<unknown>): Promise<UnshareError> {
  try {
    await promise;
  } catch (error) {
    return error as UnshareError;
  }
  throw new Error('it was not rejected');
}

function enter(name: string): void {
  mkdirSync(path.join(place, name), { recursive: true });
  process.chdir(path.join(place, name));
}

/** Ways to be in a directory that its path does not lead to, or that another one had the path of. */
const WAYS: [what: string, go: () => void | Promise<void>][] = [
  [
    'that another one had the path of',
    async () => {
      enter('work');
      await new Command('/bin/true').status();
      process.chdir(start);
      rmdirSync(path.join(place, 'work'));
      enter('work');
    },
  ],
  [
    'that was renamed',
    () => {
      enter('work');
      process.cwd();
      renameSync(path.join(place, 'work'), path.join(place, 'moved'));
    },
  ],
  [
    'that another one has the path of',
    () => {
      enter('work');
      process.cwd();
      renameSync(path.join(place, 'work'), path.join(place, 'moved'));
      mkdirSync(path.join(place, 'work'));
    },
  ],
  [
    'that was removed',
    () => {
      enter('work');
      rmdirSync(path.join(place, 'work'));
    },
  ],
  [
    'whose name is no UTF-8',
    () => {
      const name = Buffer.concat([Buffer.from(`${place}/caf`), Buffer.of(0xe9)]);
      mkdirSync(name);
      symlinkSync(name, path.join(place, 'link'));
      process.chdir(path.join(place, 'link'));
    },
  ],
  [
    'below one that may not be searched',
    () => {
      enter('above/work');
      chmodSync(path.join(place, 'above'), 0);
    },
  ],
  [
    'whose path is longer than PATH_MAX',
    () => {
      process.chdir(place);
      for (let depth = 0; depth < 45; depth++) {
        mkdirSync('d'.repeat(100));
        process.chdir('d'.repeat(100));
      }
    },
  ],
];

/** Ways of a command to its directory. */
const PLANS: [what: string, prepare: (command: Command) => void][] = [
  ['a plain command', () => {}],
  ["currentDir('.')", command => command.currentDir('.')],
  ['a new mount namespace', command => command.unshare('user', 'mount').setIdMaps(...rootMaps())],
  ['a new pid namespace', command => command.unshare('user', 'pid').setIdMaps(...rootMaps())],
  ['a new time namespace', command => command.unshare('user', 'time').setIdMaps(...rootMaps())],
];

function isTooLongFor(what: string): boolean {
  // Deno resolves paths by the name of the directory, and finds none. Bun's chdir asks for the name, and throws ERANGE.
  return runtime !== 'node' && what === 'whose path is longer than PATH_MAX';
}

for (const [what, go] of WAYS) {
  if (isTooLongFor(what)) {
    test.skip(`programs start in a directory ${what}`, 'the runtime itself cannot be in such a directory');
    continue;
  }
  test(`programs start in a directory ${what}`, async () => {
    await go();
    const expected = identityOf('.');
    try {
      for (const [plan, prepare] of PLANS) assert.is(await directoryOf(prepare), expected, plan);
    } finally {
      if (what.startsWith('below one')) chmodSync(path.join(place, 'above'), 0o755);
    }
    // The helper keeps none of it busy.
    assert.is(readlinkSync(`/proc/${Helper.shared().pid}/cwd`), start);
  });
}

test('a relative directory, program and namespace are looked up in a directory that was renamed', async () => {
  enter('work');
  mkdirSync('below');
  symlinkSync('/bin/true', 'program');
  symlinkSync('/proc/self/ns/user', 'namespace');
  process.cwd();
  renameSync(path.join(place, 'work'), path.join(place, 'moved'));
  assert.is(
    await directoryOf(command => command.currentDir('below')),
    identityOf(path.join(place, 'moved/below')),
  );
  assert.ok((await new Command('./program').stdin('null').status()).success);
  const uts = new Command('/bin/true')
    .stdin('null')
    .unshare('user', 'uts')
    .setIdMaps(...rootMaps());
  const joined = await rejection(uts.setNamespace('namespace', 'net').currentDir('/').status());
  // It is there, and is of another kind.
  assert.equal([joined.stage, joined.syscall, joined.path], ['SetNs', 'setns', 'namespace']);
});

test('relative commands for id maps are looked up in a directory that was renamed', async () => {
  enter('work');
  // As a user, it writes no map that is worth having: it says that it was run.
  writeFileSync('map', '#!/bin/sh\necho here >&2\nexit 7\n', { mode: 0o755 });
  process.cwd();
  renameSync(path.join(place, 'work'), path.join(place, 'moved'));
  const command = new Command('/bin/true').unshare('user').setIdMaps(...rootMaps());
  for (const program of ['map', './map']) {
    const error = await rejection(command.setIdMapCommands(program, program).currentDir('/').status());
    assert.equal([error.stage, `${error.stderr}`], ['AuxCommandExited', 'here\n']);
  }
});

test('the directory is that of the moment of the call', async () => {
  enter('first');
  const expected = identityOf('.');
  const seen = directoryOf();
  enter('second');
  assert.is(await seen, expected);
});

test('where the directory of the client cannot be followed, its path is taken only if it leads there', async () => {
  // The parent of this helper is a shell, which stays where it is.
  const helper = wrappedHelper('"$helper" "$@"');
  try {
    assert.is(await directoryOf(undefined, helper), identityOf(start));
    enter('work');
    for (const [plan, prepare] of PLANS) assert.is(await directoryOf(prepare, helper), identityOf('.'), plan);
    process.cwd();
    renameSync(path.join(place, 'work'), path.join(place, 'moved'));
    mkdirSync(path.join(place, 'work'));
    assert.is(await directoryOf(undefined, helper), identityOf(path.join(place, 'moved')));
    rmdirSync(path.join(place, 'moved'));
    const removed = await rejection(script('true').status({ helper }));
    assert.equal([removed.stage, removed.item, removed.path], ['Chdir', 'working directory', null]);
    // What has no need of it starts.
    assert.is(await directoryOf(command => command.currentDir(place), helper), identityOf(place));
  } finally {
    await helper.close();
  }
});

test('a path that leads to another directory than the client was in at the call is not taken', async () => {
  const connection = new Connection(helperBinary, () => {});
  // As if the client had left it, and another one had its path, since the call.
  const { identity } = workingDirectory();
  const clientDir = { identity: { ...identity!, inode: 1 }, path: Buffer.from(place) };
  const run = (request: SpawnRequest): Promise<Child> =>
    Run.start(connection, { request, message: toSpawnMessage(request, { clientDir, startDir: null }) }, null);
  try {
    const error = await rejection(script('true').status({ helper: { start: run } as unknown as Helper }));
    assert.equal([error.stage, error.code, error.path], ['Chdir', 'ENOENT', place]);
    assert.match(error.hint!, "client's working directory of the call");
  } finally {
    await connection.close(new UnshareError({ stage: 'Helper' }));
  }
});

test('synchronous calls start in a directory that was renamed', async () => {
  enter('work');
  process.cwd();
  renameSync(path.join(place, 'work'), path.join(place, 'moved'));
  mkdirSync(path.join(place, 'work'));
  const { stdout } = new Command('/bin/stat').args(['-c', '%d:%i', '.']).outputSync();
  assert.is(`${stdout}`.trim(), identityOf('.'));
});

test.run();
