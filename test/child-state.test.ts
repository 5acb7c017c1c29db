import { execFileSync } from 'child_process';
import { constants } from 'fs';
import { Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import {
  fixture,
  HELPER_AT_REST,
  openInHelper,
  packageRoot,
  reachableFixture,
  rejection,
  rootMaps,
  runtimePath,
  type State,
  shell,
  stateOf,
} from './support';
import { wrappedHelper } from './wrapped-helper';

const test = suite('what a program is given');

const isRoot = process.geteuid!() === 0;
const plain = () => {};
const namespaced = (command: Command) => command.unshare('user').setIdMaps(...rootMaps());
// It takes a process that was in the time namespace's maker before.
const joining = (command: Command) => command.unshare('user', 'time').setIdMaps(...rootMaps());

// The three ways in which the helper makes a child.
for (const [way, prepare] of [
  ['sharing memory', plain],
  ['like fork', namespaced],
  ['by a joiner', joining],
] as const) {
  test(`${way}: descriptors 0, 1 and 2, and no others`, async () => {
    const { descriptors } = await stateOf(prepare);
    assert.equal(
      descriptors.map(({ number }) => number),
      [0, 1, 2],
    );
  });

  test(`${way}: no signal blocked or ignored`, async () => {
    const { blocked_signals, ignored_signals } = await stateOf(prepare);
    assert.equal(blocked_signals, []);
    assert.equal(ignored_signals, []);
  });

  test(`${way}: the limits of the client`, async () => {
    const { limits } = await stateOf(prepare);
    const reference: State = JSON.parse(execFileSync(fixture('state'), { encoding: 'utf8' }));
    assert.equal(limits, reference.limits);
  });

  test(`${way}: SIGKILL as death signal, unless it was changed`, async () => {
    assert.is((await stateOf(prepare)).parent_death_signal, 9);
    const changed = await stateOf(command => {
      prepare(command);
      command.setParentDeathSignal('SIGTERM');
    });
    assert.is(changed.parent_death_signal, 15);
    const daemon = await stateOf(command => {
      prepare(command);
      command.allowDaemonize();
    });
    assert.is(daemon.parent_death_signal, 0);
  });

  test(`${way}: makeGroupLeader decides on the process group`, async () => {
    const reference: State = JSON.parse(execFileSync(fixture('state'), { encoding: 'utf8' }));
    for (const on of [false, true]) {
      const state = await stateOf(command => {
        prepare(command);
        command.makeGroupLeader(on);
      });
      if (on) assert.is(state.group, state.pid);
      else assert.is(state.group, reference.group);
    }
  });

  test(`${way}: arguments and environment, byte by byte`, async () => {
    const odd = ['', ' ', '*', '--', '-c', '$(id)', 'ä\n"\'\\', 'x'.repeat(100_000)];
    const state = await stateOf(command => {
      prepare(command);
      command.arg0('other').args(odd).envClear().env('A', '=b=').env('empty', '');
    });
    assert.equal(state.arguments, ['other', ...odd]);
    assert.equal(state.environment, ['A==b=', 'empty=']);
  });

  test(`${way}: bytes that are no UTF-8`, async () => {
    const bytes = Buffer.from(Array.from({ length: 255 }, (_, at) => at + 1));
    const command = shell('printf %s "$0"').arg(bytes);
    prepare(command);
    assert.equal((await command.output()).stdout, bytes);
  });
}

test('the umask and the working directory of the client at that moment', async () => {
  const umask = process.umask(0o027);
  const directory = process.cwd();
  try {
    assert.is((await stateOf()).umask, 0o027);
    process.chdir('/usr');
    assert.is((await stateOf()).directory, '/usr');
    assert.is((await stateOf(command => command.currentDir('bin/..'))).directory, '/usr');
    assert.is((await stateOf(command => command.currentDir('/tmp'))).directory, '/tmp');
    process.chdir(directory);
    assert.is((await stateOf()).directory, directory);
  } finally {
    process.umask(umask);
    process.chdir(directory);
  }
});

test('the umask is read without being set, which would meet other threads that create files', async () => {
  const { umask } = process;
  const calls: unknown[][] = [];
  process.umask = (...args: unknown[]) => {
    calls.push(args);
    return 0;
  };
  try {
    await stateOf();
  } finally {
    process.umask = umask;
  }
  assert.equal(calls, []);
});

test('the environment of the client at that moment', async () => {
  process.env.UNSHARE_TEST_CHANGED = 'now';
  assert.ok((await stateOf()).environment.includes('UNSHARE_TEST_CHANGED=now'));
  delete process.env.UNSHARE_TEST_CHANGED;
  assert.not.ok((await stateOf()).environment.some(entry => entry.startsWith('UNSHARE_TEST_CHANGED=')));
});

test('a relative program is found from its working directory', async () => {
  const { stdout } = await new Command('./sh').args(['-c', 'pwd -P']).currentDir('/bin').output();
  assert.match(stdout.toString(), /\/bin\n$/);
});

test('null is /dev/null, one way each', async () => {
  const { stdout } = await shell('readlink /proc/self/fd/0; ls -l /proc/self/fd/0 | cut -c1-4')
    .stdin('null')
    .stderr('null')
    .output();
  assert.is(stdout.toString(), '/dev/null\nlr-x\n');
});

test(
  'uid and gid are set whole, and the supplementary groups of the client are gone',
  async () => {
    for (const id of [1, 65_536, 2 ** 31, 2 ** 32 - 2]) {
      const { uids, gids, groups } = await groupsOf(id);
      assert.equal(uids, [id, id, id]);
      assert.equal(gids, [id, id, id]);
      assert.equal(groups, []);
    }
  },
  { skip: isRoot ? false : 'another id needs root' },
);

/** What a command with this uid and gid finds, whose client has supplementary groups. */
async function groupsOf(id: number): Promise<State> {
  const client = `
    const { Command } = require(${JSON.stringify(packageRoot)});
    new Command('/proc/self/fd/0').uid(${id}).gid(${id}).output()
      .then(({ stdout }) => process.stdout.write(stdout), error => console.error(error));`;
  const program = reachableFixture('state');
  const { stdout, stderr } = await shell('exec setpriv --groups 1,2,3 "$0" -e "$1" < "$2"')
    .args([runtimePath, client.replace("'/proc/self/fd/0'", JSON.stringify(program)), program])
    .output();
  assert.is(stderr.toString(), '');
  return JSON.parse(stdout.toString());
}

test('an own uid and gid can be set without privilege', async () => {
  const uid = process.geteuid!();
  const { uids } = await stateOf(command => command.uid(uid).gid(process.getegid!()));
  assert.equal(uids, [uid, uid, uid]);
});

test('a leak of the client’s parent does not reach the program', async () => {
  const client = `
    const { Command } = require(${JSON.stringify(packageRoot)});
    new Command(${JSON.stringify(fixture('state'))}).output()
      .then(({ stdout }) => process.stdout.write(stdout));`;
  // bash: another shell takes 63 for a word. Node marks the lowest numbers as close-on-exec by itself, up to a gap.
  const { stdout } = await new Command('/bin/bash')
    .args(['-c', 'exec "$0" -e "$1" 5< / 9< /dev/null 63< /etc/passwd', runtimePath, client])
    .output();
  const { descriptors }: State = JSON.parse(stdout.toString());
  assert.equal(
    descriptors.map(({ number }) => number),
    [0, 1, 2],
  );
});

test('a standard stream that was made non-blocking is blocking for the program', async () => {
  // As some runtimes do once they read it. Not before the helper is there: its start makes it blocking once.
  const client = `
    const { Command, step } = require(${JSON.stringify(packageRoot)});
    const [F_SETFL, O_NONBLOCK] = [4, require('fs').constants.O_NONBLOCK];
    (async () => {
      const program = path => new Command(path).stdin('inherit').stdout('piped');
      await program('/bin/true').preExec([step.syscall('fcntl', 0, F_SETFL, O_NONBLOCK)]).status();
      const before = require('fs').readFileSync('/proc/self/fdinfo/0', 'utf8');
      const { stdout } = await program('/bin/cat').arg('/proc/self/fdinfo/0').output();
      console.log(JSON.stringify([before, String(stdout)]));
    })();`;
  const { stdout } = await new Command(runtimePath).args(['-e', client]).stdin('piped').output();
  const [before, inside] = JSON.parse(String(stdout)) as [string, string];
  const flags = (text: string) => Number.parseInt(/^flags:\s+(\d+)$/m.exec(text)![1]!, 8);
  assert.ok(flags(before) & constants.O_NONBLOCK, 'it was made non-blocking');
  assert.not.ok(flags(inside) & constants.O_NONBLOCK);
});

test('the helper holds nothing but its own descriptors', async () => {
  const helper = new Helper();
  await shell('true').status({ helper });
  assert.equal(openInHelper(helper.pid!).sort(), HELPER_AT_REST);
  await helper.close();
});

test('envVarWithPid: the program’s own pid, as it sees it', async () => {
  const outside = await stateOf(command => command.envClear().envVarWithPid('LISTEN_PID'));
  assert.equal(outside.environment, [`LISTEN_PID=${outside.pid}`]);
  const several = await stateOf(command =>
    command.envClear().envVarWithPid('A').env('B', 'b').envVarWithPid('C'),
  );
  assert.equal(several.environment, [`A=${several.pid}`, 'B=b', `C=${several.pid}`]);
  const many = shell('true');
  for (let index = 0; index <= 64; index += 1) many.envVarWithPid(`PID${index}`);
  assert.is((await rejection(many.spawn())).stage, 'Limit');
  const inside = await stateOf(command =>
    command
      .envVarWithPid('LISTEN_PID')
      .envRemove('LISTEN_PID')
      .envVarWithPid('LISTEN_PID')
      .unshare('user', 'pid')
      .setIdMaps(...rootMaps()),
  );
  assert.ok(inside.environment.includes('LISTEN_PID=1'));
});

test('keepSigmask: what the helper was started with ignored stays ignored, all of it; else nothing does', async () => {
  // All but those that cannot be ignored, and those that libc keeps for itself; SIGCHLD's disposition the helper changes.
  const ignored = Array.from({ length: 64 }, (_, at) => at + 1).filter(
    number => ![9, 19, 32, 33].includes(number),
  );
  const helper = wrappedHelper(`trap '' ${ignored.join(' ')}\nexec "$helper" "$@"`, '/bin/bash');
  const run = async (command: Command) => {
    const { stdout } = await command.output({ helper });
    return JSON.parse(stdout.toString()) as { ignored_signals: number[]; blocked_signals: number[] };
  };
  for (const prepare of [plain, namespaced, joining]) {
    const command = () => {
      const prepared = new Command(reachableFixture('state'));
      prepare(prepared);
      return prepared;
    };
    const kept = await run(command().keepSigmask());
    const reset = await run(command());
    assert.equal(kept.ignored_signals, ignored);
    assert.equal([reset.ignored_signals, reset.blocked_signals], [[], []]);
  }
  await helper.close();
});

test('keepSigmask: what each runtime passes on to what it starts, as the documentation has it', async () => {
  const client = `
    const { Command } = require(${JSON.stringify(packageRoot)});
    new Command(${JSON.stringify(reachableFixture('state'))}).keepSigmask().output()
      .then(({ stdout }) => process.stdout.write(stdout), error => console.error(error));`;
  const { stdout, stderr } = await shell('exec env --ignore-signal=10,36 --block-signal=12,37 "$0" -e "$1"')
    .args([runtimePath, client])
    .output();
  assert.is(stderr.toString(), '');
  const { ignored_signals, blocked_signals } = JSON.parse(stdout.toString());
  const expected = {
    node: [[36], []],
    bun: [[], [12, 37]],
    deno: [
      [10, 36],
      [12, 37],
    ],
  };
  assert.equal([ignored_signals, blocked_signals], expected[runtime]);
});

test.run();
