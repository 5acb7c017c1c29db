import { closeSync, constants, openSync, readFileSync } from 'fs';
import { Command, Fd, Helper, Stdio } from 'unshare';
import * as assert from 'uvu/assert';
import { suite, type TestOptions } from './harness';
import { exists, packageRoot, rejection, rootMaps, runtimePath, shell, stateOf, until } from './support';
import { client, Terminal } from './terminal';
import { helperWithout, withoutStrace } from './wrapped-helper';

const test = suite('sessions and process groups');

const isRoot = process.geteuid!() === 0;
const root: TestOptions = { skip: isRoot ? false : 'another id needs root' };

/** What the kernel says of a process: its parent, process group and session, and the foreground group of its terminal. */
function statOf(pid: number | 'self') {
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const [, parent, group, session] = stat
    .slice(stat.lastIndexOf(')') + 2)
    .split(' ')
    .map(Number);
  return { parent: parent!, group: group!, session: session! };
}

const own = statOf('self');

/** A command that lives until it is killed, and what the kernel says of it. */
async function started(prepare: (command: Command) => unknown, helper = Helper.shared()) {
  const command = new Command('/bin/sleep').arg('60');
  prepare(command);
  const child = await command.spawn({ helper });
  try {
    return { pid: child.pid, ...statOf(child.pid) };
  } finally {
    await child.kill();
    await child.wait();
  }
}

const inside = (command: Command) => command.unshare('user').setIdMaps(...rootMaps());

const SEPARATE: [what: string, prepare: (command: Command) => unknown, options?: TestOptions][] = [
  ['a new user namespace', inside],
  ['a new pid namespace', command => inside(command).unshare('pid')],
  ['a new pid namespace of root', command => command.unshare('pid'), root],
  ['a new time and pid namespace', command => inside(command).unshare('time', 'pid')],
  ['a uid', command => command.uid(61234), root],
  ['a gid', command => command.gid(61234), root],
  ['groups', command => command.groups([]), root],
];

for (const [what, prepare, options] of SEPARATE) {
  test(
    `${what}: an own session`,
    async () => {
      const { pid, group, session } = await started(prepare);
      assert.equal([group, session], [pid, pid]);
    },
    options,
  );

  test(
    `${what}, newSession(false): an own process group`,
    async () => {
      const { pid, group, session } = await started(command => {
        prepare(command);
        command.newSession(false);
      });
      assert.equal([group, session], [pid, own.session]);
    },
    options,
  );

  test(
    `${what}, makeGroupLeader(false): the client's`,
    async () => {
      const { group, session } = await started(command => {
        prepare(command);
        command.makeGroupLeader(false);
      });
      assert.equal([group, session], [own.group, own.session]);
    },
    options,
  );
}

for (const namespace of ['user', 'pid'] as const) {
  test(`a joined ${namespace} namespace: an own session, or what was asked for`, async () => {
    const container = await inside(new Command('/bin/sleep').arg('60')).unshare('pid').spawn();
    const join = (command: Command) => {
      command.setNamespace({ pid: container.pid }, 'user');
      if (namespace === 'pid') command.setNamespace({ pid: container.pid }, 'pid');
    };
    try {
      const separate = await started(join);
      assert.equal([separate.group, separate.session], [separate.pid, separate.pid]);
      const leader = await started(command => {
        join(command);
        command.newSession(false);
      });
      assert.equal([leader.group, leader.session], [leader.pid, own.session]);
      const member = await started(command => {
        join(command);
        command.makeGroupLeader(false);
      });
      assert.equal([member.group, member.session], [own.group, own.session]);
    } finally {
      await container.kill();
    }
  });
}

test('a plain command is in the session and process group of the client, unless asked otherwise', async () => {
  for (const prepare of [
    () => {},
    (command: Command) => command.currentDir('/'),
    (command: Command) => command.preExec([]),
  ]) {
    const { group, session } = await started(prepare);
    assert.equal([group, session], [own.group, own.session]);
  }
  const leader = await started(command => command.makeGroupLeader());
  assert.equal([leader.group, leader.session], [leader.pid, own.session]);
  const session = await started(command => command.newSession());
  assert.equal([session.group, session.session], [session.pid, session.pid]);
});

test(
  'namespaces of other kinds change nothing',
  async () => {
    const { group, session } = await started(command => command.unshare('uts'));
    assert.equal([group, session], [own.group, own.session]);
  },
  root,
);

test('newSession(true) and makeGroupLeader(true) go together', async () => {
  const { session, pid } = await stateOf(command => command.makeGroupLeader().newSession());
  assert.is(session, pid);
});

test('the helper leads a process group in the session of the client: shared, for one command, for a synchronous one', async () => {
  // The client leads a group whose parent, a helper, is in another one.
  const printed = await clientPrints(`
    const { Command, Fd } = unshare;
    const fs = require('fs');
    const parent = () => new Command('/bin/sh').args(['-c', 'cut -d " " -f 1,5,6 /proc/$PPID/stat']);
    (async () => {
      for (const { stdout } of [
        await parent().output(),
        await parent().fileDescriptor(9, Fd.fromFile(fs.openSync('/dev/null', 'r'))).output(),
        parent().outputSync(),
      ]) process.stdout.write(stdout);
    })();`);
  const lines = printed.split('\n');
  assert.is(lines.length, 3, printed);
  for (const line of lines) {
    const [pid, group, session] = line.split(' ').map(Number);
    assert.equal([group, session], [pid, own.session]);
  }
});

test('a plain program that leaves a stopped process does not end a client whose group is orphaned', async () => {
  const code = `const { Command } = require(${JSON.stringify(packageRoot)});
    (async () => {
      const { stdout } = await new Command('/bin/sh')
        .args(['-c', 'sleep 60 >/dev/null 2>&1 & sleep 0.5; kill -STOP $!; sleep 0.3; echo $!'])
        .output();
      await new Promise(resolve => setTimeout(resolve, 300));
      process.kill(Number(stdout), 'SIGKILL');
      console.log('alive');
    })();`;
  const { status, stdout } = await new Command(runtimePath).args(['-e', code]).newSession().output();
  assert.equal([`${stdout}`.trim(), `${status}`], ['alive', 'exit status: 0']);
});

test('a plain command is in the process group of the client, whichever helper starts it', async () => {
  const group = 'cut -d " " -f 5 /proc/self/stat';
  assert.is(
    Number(
      (
        await shell(group)
          .fileDescriptor(9, Fd.fromFile(openSync('/dev/null', 'r')))
          .output()
      ).stdout,
    ),
    own.group,
  );
  assert.is(Number(shell(group).outputSync().stdout), own.group);
});

test(
  'a session that cannot be made: stage SetPGid, item session',
  async () => {
    const error = await rejection(
      new Command('/bin/true').newSession().spawn({ helper: helperWithout('setsid', 'EPERM') }),
    );
    assert.equal(
      [error.stage, error.code, error.syscall, error.item],
      ['SetPGid', 'EPERM', 'setsid', 'session'],
    );
    assert.match(error.message, 'cannot make the process the leader of a session');
  },
  { skip: withoutStrace },
);

/** What a client prints, which leads a process group: an attack on that does not reach the tests as well. */
async function clientPrints(code: string): Promise<string> {
  const script = `const unshare = require(${JSON.stringify(packageRoot)});\n${code}`;
  const { stdout, stderr } = await new Command(runtimePath).args(['-e', script]).makeGroupLeader().output();
  assert.is(stderr.toString(), '');
  return stdout.toString().trim();
}

/** What is left after an attack from inside all namespaces, and the nice values. */
async function attacked(attack: string, call: string): Promise<string[]> {
  const printed = await clientPrints(`
    const { Command, Helper, Fd } = unshare;
    const nice = pid => require('fs').readFileSync('/proc/' + pid + '/stat', 'utf8').split(') ')[1].split(' ')[16];
    const attack = ${JSON.stringify(attack)};
    const evil = () => new Command('/bin/sh').args(['-c', attack])
      .unshare('user', 'pid', 'mount', 'uts', 'ipc', 'net').keepCaps([])
      .setIdMaps([{ insideUid: 0, outsideUid: process.getuid(), count: 1 }], [{ insideGid: 0, outsideGid: process.getgid(), count: 1 }]);
    (async () => {
      const other = await new Command('/bin/sleep').arg('60').spawn();
      const helper = Helper.shared().pid;
      ${call};
      console.log('client ' + nice(process.pid));
      console.log('helper ' + nice(helper));
      console.log('other ' + nice(other.pid));
      await other.kill();
    })();
    `);
  return printed.split('\n');
}

const CALLS = {
  spawn: 'await evil().output()',
  'spawn with a descriptor of the client':
    "await evil().fileDescriptor(9, Fd.dupFile(require('fs').openSync('/dev/null'))).output()",
  outputSync: 'evil().outputSync()',
};

for (const [what, call] of Object.entries(CALLS)) {
  test(`${what}: from inside all namespaces, kill(0, SIGKILL) reaches neither client nor helper nor other commands`, async () => {
    const lines = await attacked('kill -9 0', call);
    assert.equal(
      lines.map(line => line.split(' ')[0]),
      ['client', 'helper', 'other'],
    );
  });

  test(`${what}: from inside all namespaces, setpriority(PRIO_PGRP) leaves their nice values alone`, async () => {
    const before = statNice();
    assert.equal(await attacked('renice -n 19 -g 0', call), [
      `client ${before}`,
      `helper ${before}`,
      `other ${before}`,
    ]);
  });
}

function statNice(): string {
  return readFileSync('/proc/self/stat', 'utf8').split(') ')[1]!.split(' ')[16]!;
}

test('two programs of the same user in namespaces of their own do not reach each other', async () => {
  const victim = await inside(new Command('/bin/sleep').arg('60')).unshare('pid').spawn();
  await inside(shell('kill -9 0')).unshare('pid').output();
  assert.is(victim.tryWait(), null);
  await victim.kill();
});

test('a plain command that signals its process group does not reach the helper', async () => {
  const printed = await clientPrints(`
    process.on('SIGUSR2', () => {});
    const { Command, Helper } = unshare;
    (async () => {
      await new Command('/bin/true').status();
      const helper = Helper.shared().pid;
      await new Command('/bin/sh').args(['-c', 'trap "" USR2; kill -USR2 0; renice -n 7 -g 0 >/dev/null 2>&1']).status();
      const nice = pid => require('fs').readFileSync('/proc/' + pid + '/stat', 'utf8').split(') ')[1].split(' ')[16];
      console.log([nice(process.pid), nice(helper) === '7'].join(' '));
    })();`);
  assert.is(printed, '7 false');
});

/** Runs a client in a terminal; it prints `label: value`s by its `print`. */
async function inTerminal(code: string, then: (terminal: Terminal) => Promise<void>): Promise<void> {
  const terminal = await Terminal.open();
  try {
    terminal.type(
      client(`
      const { Command, Stdio, Fd, step } = unshare;
      const fs = require('fs');
      const stat = pid => fs.readFileSync('/proc/' + pid + '/stat', 'utf8').split(') ')[1].split(' ').map(Number);
      const print = (...words) => console.log(words.join(' ') + ' .');
      const inside = command => command.unshare('user', 'pid')
        .setIdMaps([{ insideUid: 0, outsideUid: process.geteuid(), count: 1 }], [{ insideGid: 0, outsideGid: process.getegid(), count: 1 }]);
      (async () => {${code}})();`),
    );
    await then(terminal);
  } finally {
    await terminal.close();
  }
}

test('without a terminal among its descriptors, a separate program cannot open /dev/tty, nor type into it', () =>
  inTerminal(
    `
    const open = 'exec 2>&1; : < /dev/tty && echo opened';
    const tell = async (what, command) => print(what, JSON.stringify((await command.stdin('null').output()).stdout.toString()));
    await tell('plain', new Command('/bin/sh').args(['-c', open]));
    await tell('inside', inside(new Command('/bin/sh').args(['-c', open])));
    await tell('other descriptor', inside(new Command('/bin/sh').args(['-c', open])).fileDescriptor(7, Fd.dupFile(fs.openSync('/dev/tty'))));
    print('sync', JSON.stringify(inside(new Command('/bin/sh').args(['-c', open])).outputSync().stdout.toString()));
    const error = await inside(new Command('/bin/true')).stdin('null').stdout('null').stderr('null')
      .preExec([step.syscall('openat', -100, '/dev/tty', 2)]).spawn().then(() => 'none', error => error);
    print('openat', error.stage, error.code);`,
    async terminal => {
      await terminal.shows('plain "opened\\n"');
      for (const what of ['inside', 'other descriptor', 'sync']) {
        await terminal.shows(new RegExp(`${what} ".*No such device or address\\\\n" \\.`));
      }
      await terminal.shows('openat PreExec ENXIO');
    },
  ));

test('a separate program with its terminal at 0, 1 or 2 keeps the session, and leads a process group', () =>
  inTerminal(
    `
    const mine = stat('self');
    const tell = async (what, command) => {
      const child = await command.spawn();
      const [, , group, session] = stat(child.pid);
      print(what, group === child.pid ? 'own group,' : group === mine[2] ? 'group,' : 'other,', session === child.pid ? 'own session' : session === mine[3] ? 'session' : 'other');
      await child.kill();
      await child.wait();
    };
    const nothing = () => new Command('/bin/sleep').arg('60').stdin('null').stdout('null').stderr('null');
    await tell('inherited', inside(new Command('/bin/sleep').arg('60')));
    await tell('stderr only', inside(nothing().stderr('inherit')));
    await tell('given', inside(nothing().stdin(Stdio.dupFile(fs.openSync('/dev/tty')))));
    await tell('by path', inside(nothing().stdin(Stdio.file('/dev/tty'))));
    const other = Fd.dupFile(fs.openSync('/dev/tty'));
    await tell('the same', inside(nothing().fileDescriptor(7, other).stdin(Stdio.sameAs(7))));
    await tell('nothing', inside(nothing()));
    await tell('asked for', inside(new Command('/bin/sleep').arg('60')).newSession());
    await tell('refused', inside(new Command('/bin/sleep').arg('60')).makeGroupLeader(false));
    await tell('plain', new Command('/bin/sleep').arg('60'));`,
    async terminal => {
      await terminal.shows('inherited own group, session .');
      await terminal.shows('stderr only own group, session .');
      await terminal.shows('given own group, session .');
      await terminal.shows('by path own group, session .');
      await terminal.shows('the same own group, session .');
      await terminal.shows('nothing own group, own session .');
      await terminal.shows('asked for own group, own session .');
      await terminal.shows('refused group, session .');
      await terminal.shows('plain group, session .');
    },
  ));

test('another terminal than the client’s own does not keep a separate program in the session', async () => {
  // The test has no controlling terminal, or another one: job control of this one is not for anybody in its session.
  const terminal = await Terminal.open();
  try {
    terminal.type('echo "is $(tty) ."\n');
    const path = await terminal.shows(/is (\/dev\/\S+) \./);
    const descriptor = openSync(path!, constants.O_RDWR | constants.O_NOCTTY);
    const { pid, session } = await started(command => inside(command).stdin(Stdio.dupFile(descriptor)));
    closeSync(descriptor);
    assert.is(session, pid);
  } finally {
    await terminal.close();
  }
});

test('it ends with its client when Ctrl-C ends that', () =>
  inTerminal(
    `
    const child = await inside(new Command('/bin/sleep').arg('60')).stdin('null').stdout('null').stderr('null').spawn();
    print('pid', child.pid);`,
    async terminal => {
      const pid = Number(await terminal.shows(/pid (\d+) \./));
      assert.ok(exists(pid));
      terminal.type('\x03');
      await until('the program has ended', () => !exists(pid));
    },
  ));

test.run();
