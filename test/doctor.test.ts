import { spawnSync } from 'child_process';
import { existsSync, mkdirSync, readFileSync, realpathSync, statSync, symlinkSync, writeFileSync } from 'fs';
import { constants, release } from 'os';
import * as path from 'path';
import {
  CLONE_NEWCGROUP,
  CLONE_NEWIPC,
  CLONE_NEWNET,
  CLONE_NEWNS,
  CLONE_NEWPID,
  CLONE_NEWTIME,
  CLONE_NEWUSER,
  CLONE_NEWUTS,
  Command,
  doctor,
  type Finding,
  Helper,
} from 'unshare';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import { asOrdinaryUser } from './ordinary-client';
import { makeScratch } from './scratch';
import { refuse } from './seccomp';
import {
  childrenOf,
  descriptorsOf,
  exists,
  packageRoot,
  rejection,
  rootMaps,
  runScript,
  runtimePath,
  shell,
  until,
} from './support';
import { helperBinary, helperScript, withoutStrace } from './wrapped-helper';

const test = suite('doctor');
const isRoot = process.geteuid!() === 0;
const cli = path.join(packageRoot, 'dist/client/cli.js');
const { EPERM, ENOSYS } = constants.errno;

interface Report {
  code: number | null;
  findings: Finding[];
}

function named(findings: readonly Finding[], name: string): Finding {
  const finding = findings.find(one => one.name === name);
  if (finding === undefined) throw new Error(`there is no finding ${name}`);
  return finding;
}

/** What the shell has to run for `unshare doctor --json`. */
const DOCTOR = '"$0" "$@"';

/** What it says when the shell has run this, in a command that `prepare` has had its way with. */
async function reportOf(script: string, prepare: (command: Command) => unknown): Promise<Report> {
  const command = shell(script).args([runtimePath, cli, 'doctor', '--json']);
  prepare(command);
  return reportBy(command);
}

/** A client that runs this code before it runs `unshare doctor --json`. */
function doctorAfter(code: string): Command {
  const client = `${code} process.argv.splice(1, 0, ${JSON.stringify(cli)}); require(${JSON.stringify(cli)});`;
  return new Command(runtimePath).args(['-e', client, 'doctor', '--json']);
}

async function reportBy(command: Command): Promise<Report> {
  const { status, stdout, stderr } = await command.output();
  assert.is(stderr.toString(), '');
  return { code: status.code, findings: JSON.parse(stdout.toString()) };
}

function run(args: string[], env: NodeJS.ProcessEnv = process.env) {
  return spawnSync(runtimePath, [cli, 'doctor', ...args], { encoding: 'utf8', env });
}

/** Whether a tool, which is not ours, can do it. */
function can(program: string, ...args: string[]): boolean {
  const { status, error } = spawnSync(program, args, { stdio: 'ignore' });
  if (error) throw error;
  return status === 0;
}

/** The status that fits what works with the privileges of the client, and what does with a new user namespace. */
function statusFor(alone: boolean, inside: boolean): string {
  if (alone && inside) return 'ok';
  return alone || inside ? 'limited' : 'missing';
}

const other = ['mount', 'uts', 'ipc', 'pid', 'net', 'cgroup', 'time'];

test('plain commands and user namespaces: as unshare(1) finds', async () => {
  const findings = await doctor();
  assert.is(named(findings, 'plain command').status, 'ok');
  const works = can('unshare', '--user', '--map-root-user', 'true');
  assert.is(named(findings, 'user namespace').status, works ? 'ok' : 'missing');
});

for (const name of other) {
  test(`a ${name} namespace: as unshare(1) finds`, async () => {
    const flags = name === 'pid' || name === 'time' ? [`--${name}`, '--fork'] : [`--${name}`];
    const expected = statusFor(can('unshare', ...flags, 'true'), can('unshare', '--user', ...flags, 'true'));
    assert.is(named(await doctor(), `${name} namespace`).status, expected);
  });
}

test('mounting /proc: as unshare(1) finds', async () => {
  const flags = ['--pid', '--fork', '--mount-proc', 'true'];
  const expected = statusFor(can('unshare', ...flags), can('unshare', '--user', '--map-root-user', ...flags));
  assert.is(named(await doctor(), 'mounting /proc').status, expected);
});

test('kernel, helper and version are named', async () => {
  const findings = await doctor();
  assert.match(named(findings, 'kernel').found, release());
  const { found, status } = named(findings, 'helper');
  assert.is(status, 'ok');
  assert.match(found, realpathSync(helperBinary));
  const { version } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8'));
  assert.match(found, `version ${version}`);
  assert.match(found, 'sealed');
});

test('mapping other ids: as writing a map in another way', async () => {
  const rows = (kind: 'Uid' | 'Gid', own: number) => [
    { [`inside${kind}`]: 0, [`outside${kind}`]: own, count: 1 },
    { [`inside${kind}`]: 1, [`outside${kind}`]: 100_000, count: 1 },
  ];
  const error = await shell('true')
    .setIdMaps(rows('Uid', process.geteuid!()) as never, rows('Gid', process.getegid!()) as never)
    .status()
    .then(
      () => null,
      reason => reason,
    );
  assert.is(named(await doctor(), 'id maps').status, error === null ? 'ok' : 'limited');
});

test('newuidmap and newgidmap are named with their privileges', async () => {
  const { status, found } = named(await doctor(), 'id map commands');
  for (const name of ['newuidmap', 'newgidmap']) {
    const file = `/usr/bin/${name}`;
    if (existsSync(file)) assert.match(found, `${file} (${isSetuid(file) ? 'setuid root' : ''}`);
    else assert.is(status, 'missing');
  }
});

function isSetuid(file: string): boolean {
  return (statSync(file).mode & 0o4000) !== 0;
}

test('capabilities are those that the process has, and no others', async () => {
  if (isRoot) {
    const { findings } = await reportOf(DOCTOR, command => command.keepCaps(['CAP_CHOWN', 'CAP_SETPCAP']));
    assert.match(named(findings, 'capabilities').found, /^CAP_CHOWN, CAP_SETPCAP; .*CAP_SYS_ADMIN/);
    const { findings: fewer } = await reportOf(DOCTOR, command =>
      command.unshare('user').setIdMaps(...rootMaps()),
    );
    assert.match(named(fewer, 'capabilities').found, /^all \d+$/);
  } else {
    const { found, status } = named(await doctor(), 'capabilities');
    assert.equal([found, status], ['none', 'limited']);
  }
});

test('nothing is left, and nothing is changed', async () => {
  const before = descriptorsOf(process.pid);
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8');
  const children = childrenOf(process.pid);
  await doctor();
  assert.equal(
    childrenOf(process.pid).filter(child => !children.includes(child)),
    [],
  );
  // Of what was opened before, the runtime may have closed something meanwhile.
  assert.equal(
    [...descriptorsOf(process.pid)]
      .filter(isKept)
      .filter(([number, target]) => before.get(number) !== target),
    [],
  );
  assert.is(readFileSync('/proc/self/mountinfo', 'utf8'), mounts);
});

/** Its own list of descriptors is not. */
function isKept([, target]: [number, string]): boolean {
  return !target.endsWith('/fd');
}

test('the shared helper has nothing to do with it', async () => {
  await shell('true').status();
  const { pid } = Helper.shared();
  await doctor();
  assert.is(Helper.shared().pid, pid);
  assert.ok(exists(pid!));
});

test('it works from a directory that was removed', async () => {
  const directory = path.join(makeScratch(), 'gone');
  mkdirSync(directory);
  // Not before the runtime has started: Deno does not without a directory.
  const client = `process.chdir(${JSON.stringify(directory)}); require('fs').rmdirSync(${JSON.stringify(directory)});`;
  const { findings } = await reportBy(doctorAfter(client));
  assert.is(named(findings, 'plain command').status, 'ok');
});

test('user namespaces switched off by their limit', async () => {
  const { code, findings } = await reportOf(
    `echo 0 > /proc/sys/user/max_user_namespaces && ${DOCTOR}`,
    command => command.unshare('user').setIdMaps(...rootMaps()),
  );
  const { status, found, advice } = named(findings, 'user namespace');
  assert.is(status, 'missing');
  assert.match(found, 'user.max_user_namespaces is 0');
  assert.match(advice!, 'sysctl -w user.max_user_namespaces=');
  assert.is(named(findings, 'namespace limits').status, 'limited');
  // It has all capabilities in its own.
  assert.match(named(findings, 'uts namespace').found, /^made alone only; .*ENOSPC/);
  assert.is(named(findings, 'plain command').status, 'ok');
  assert.is(code, 0);
});

test('a kind of namespace switched off by its limit', async () => {
  const { findings } = await reportOf(`echo 0 > /proc/sys/user/max_net_namespaces && ${DOCTOR}`, command =>
    command.unshare('user').setIdMaps(...rootMaps()),
  );
  const { status, found, advice } = named(findings, 'net namespace');
  assert.equal([status, advice!.slice(0, 30)], ['missing', 'raise user.max_net_namespaces,']);
  assert.match(found, 'user.max_net_namespaces is 0');
  assert.match(named(findings, 'namespace limits').found, 'user.max_net_namespaces is 0');
  assert.is(named(findings, 'uts namespace').status, 'ok');
});

test('a limit in a user namespace around the own one', async () => {
  const { findings } = await reportOf(
    `echo 1 > /proc/sys/user/max_user_namespaces && unshare --user --map-root-user ${DOCTOR}`,
    command => command.unshare('user').setIdMaps(...rootMaps()),
  );
  const { status, found, advice } = named(findings, 'user namespace');
  assert.is(status, 'missing');
  assert.match(found, 'is reached');
  assert.match(advice!, 'around this one');
  assert.is(named(findings, 'namespace limits').status, 'ok');
});

test('user namespaces nested as deep as the kernel allows', async () => {
  // A shell in each, until no more can be made.
  const nest = `exec unshare --user --map-root-user /bin/sh -c "$nest" ${DOCTOR}`;
  const { findings } = await reportOf(
    `nest='unshare --user true 2>/dev/null || exec ${DOCTOR}; ${nest}'; export nest; ${nest}`,
    () => {},
  );
  const { status, found } = named(findings, 'user namespace');
  assert.is(status, 'missing');
  assert.match(found, '32 deep');
});

const namespaceBits =
  CLONE_NEWUSER |
  CLONE_NEWNS |
  CLONE_NEWUTS |
  CLONE_NEWIPC |
  CLONE_NEWPID |
  CLONE_NEWNET |
  CLONE_NEWCGROUP |
  CLONE_NEWTIME;

/** As the profile of a container does for processes without CAP_SYS_ADMIN. */
const containerFilter = refuse([
  { call: 'clone3', errno: ENOSYS },
  { call: 'unshare', errno: EPERM },
  { call: 'clone', errno: EPERM, bits: namespaceBits >>> 0 },
]);

test("a container's seccomp filter", async () => {
  const { code, findings } = await reportOf(DOCTOR, command => command.preExec(containerFilter));
  const { status, found, advice } = named(findings, 'user namespace');
  assert.is(status, 'missing');
  assert.match(found, 'EPERM');
  assert.match(advice!, 'seccomp');
  for (const name of other) assert.is(named(findings, `${name} namespace`).status, 'missing');
  assert.is(named(findings, 'seccomp').status, 'limited');
  assert.is(named(findings, 'no_new_privs').status, 'limited');
  assert.match(named(findings, 'clone3').found, 'ENOSYS');
  assert.is(named(findings, 'close_range').status, 'ok');
  assert.is(named(findings, 'plain command').status, 'ok');
  assert.is(code, 0);
});

test('user namespaces in which capabilities are of no use', async () => {
  const filter = refuse([{ call: 'chroot', errno: EPERM }]);
  const { findings } = await reportOf(DOCTOR, command => command.preExec(filter));
  const { status, found } = named(findings, 'user namespace');
  assert.is(status, 'limited');
  assert.match(found, /^made, but without capabilities inside: chroot: .*EPERM/);
});

// The runtime itself can do without clone3 only where it is not there.
for (const [name, call, code] of [
  ['clone3', 'clone3', 'ENOSYS'],
  ['close_range', 'close_range', 'ENOSYS'],
  ['close_range', 'close_range', 'EPERM'],
  ['pidfd', 'pidfd_open', 'ENOSYS'],
  ['pidfd', 'pidfd_open', 'EPERM'],
] as const) {
  test(`${call} refused with ${code}, and all else works`, async () => {
    const filter = refuse([{ call, errno: constants.errno[code] }]);
    const { findings } = await reportOf(DOCTOR, command => command.preExec(filter));
    const { status, found, advice } = named(findings, name);
    assert.is(status, 'limited');
    assert.match(found, code);
    assert.match(advice!, 'nothing has to be done');
    assert.equal(named(findings, 'user namespace'), named(await doctor(), 'user namespace'));
  });
}

test(
  'where commands cannot be started, the exit code is 1',
  () => {
    const inject = '-e trace=clone,clone3 -e inject=clone,clone3:error=EAGAIN';
    const UNSHARE_HELPER = helperScript(`exec /usr/bin/strace -D -f -o /dev/null ${inject} "$helper"`);
    const { status, stdout } = run(['--json'], { ...process.env, UNSHARE_HELPER });
    const findings: Finding[] = JSON.parse(stdout);
    assert.is(named(findings, 'helper').status, 'ok');
    const plain = named(findings, 'plain command');
    assert.is(plain.status, 'missing');
    assert.match(plain.advice!, 'ulimit -u');
    assert.is(status, 1);
  },
  { skip: withoutStrace },
);

test(
  'without /proc',
  async () => {
    // Not before the runtime has started: Bun does not without /proc.
    const client = "require('child_process').execFileSync('mount', ['-t', 'tmpfs', 'none', '/proc']);";
    const command = doctorAfter(client)
      .unshare('user', 'mount')
      .setIdMaps(...rootMaps());
    const { code, findings } = await reportBy(command);
    const { status, found, advice } = named(findings, '/proc');
    assert.equal([status, found], ['missing', 'not mounted']);
    assert.match(advice!, 'mount -t proc proc /proc');
    assert.match(named(findings, 'user namespace').advice!, '"/proc"');
    assert.is(named(findings, 'pipes').status, 'limited');
    assert.is(named(findings, 'capabilities').status, 'unknown');
    assert.is(named(findings, 'uts namespace').status, 'ok');
    assert.is(named(findings, 'plain command').status, 'ok');
    assert.is(code, 0);
  },
  { skip: runtime === 'deno' && 'Deno panics where a process is started without /proc' },
);

test('with the /proc of another pid namespace', async () => {
  const { findings } = await reportOf(DOCTOR, command =>
    command.unshare('user', 'pid').setIdMaps(...rootMaps()),
  );
  assert.match(named(findings, '/proc').found, 'another pid namespace');
  assert.is(named(findings, 'user namespace').status, 'missing');
  assert.is(named(findings, 'pipes').status, 'limited');
});

test('where something is mounted over a part of /proc', async () => {
  const { findings } = await reportOf(`mount -t tmpfs none /proc/sys && ${DOCTOR}`, command =>
    command.unshare('user', 'mount').setIdMaps(...rootMaps()),
  );
  const { status, found, advice } = named(findings, 'mounting /proc');
  assert.not.equal(status, 'ok');
  assert.match(found, '/proc/sys');
  assert.match(advice!, 'systempaths=unconfined');
});

test('an own id that is mapped nowhere', async () => {
  const { findings } = await reportOf(DOCTOR, command => command.unshare('user'));
  const { status, found, advice } = named(findings, 'user namespace');
  assert.is(status, 'missing');
  assert.match(found, 'the own uid 65534 is not mapped');
  assert.match(advice!, 'uid_map');
});

test('without a /dev/null', async () => {
  const { code, findings } = await reportOf(`mount -t tmpfs none /dev && ${DOCTOR}`, command =>
    command
      .unshare('user', 'mount')
      .setIdMaps(...rootMaps())
      .stdin('piped'),
  );
  const { status, advice } = named(findings, 'plain command');
  assert.is(status, 'limited');
  assert.match(advice!, '/dev/null');
  assert.is(code, 0);
});

test('without a helper, it says so, and goes on', () => {
  const { status, stdout, stderr } = run(['--json'], { ...process.env, UNSHARE_HELPER: '/nowhere/helper' });
  assert.is(stderr, '');
  assert.is(status, 1);
  const findings: Finding[] = JSON.parse(stdout);
  const helper = named(findings, 'helper');
  assert.is(helper.status, 'missing');
  assert.match(helper.found, 'cannot use the helper "/nowhere/helper"');
  assert.match(helper.advice!, 'UNSHARE_HELPER');
  assert.is(named(findings, 'kernel').status, 'ok');
  assert.is(named(findings, 'no_new_privs').found, 'not set');
  assert.is(named(findings, 'user namespace').status, 'unknown');
});

for (const [what, advice, prepare] of [
  ['a file that nobody may execute', 'chmod 755', (file: string) => writeFileSync(file, '', { mode: 0o644 })],
  [
    'a file that is no program',
    process.arch,
    (file: string) => writeFileSync(file, '\x7fELF', { mode: 0o755 }),
  ],
  ['another program', 'install the package again', (file: string) => symlinkSync('/bin/true', file)],
] as const) {
  test(`${what} as helper`, async () => {
    const file = path.join(makeScratch(), 'helper');
    prepare(file);
    const helper = named(await doctor({ path: file }), 'helper');
    assert.is(helper.status, 'missing');
    assert.match(helper.advice!, advice);
  });
}

test('a helper that hangs is given up, and ended', async () => {
  const directory = makeScratch();
  const helper = path.join(directory, 'helper');
  const pidFile = path.join(directory, 'pid');
  writeFileSync(helper, `#!/bin/sh\necho $$ > ${pidFile}\nexec sleep 60\n`, { mode: 0o755 });
  const start = Date.now();
  const findings = await doctor({ path: helper });
  assert.ok(Date.now() - start < 30_000);
  assert.match(named(findings, 'helper').found, 'no answer');
  assert.is(named(findings, 'plain command').status, 'unknown');
  const pid = Number(readFileSync(pidFile, 'utf8'));
  await until('it is ended', () => !exists(pid), 1000);
});

test(
  'a helper that cannot seal its copy',
  async () => {
    const file = helperScript(
      'exec /usr/bin/strace -D -f -o /dev/null -e trace=memfd_create -e inject=memfd_create:error=ENOSYS "$helper"',
    );
    const { status, found, advice } = named(await doctor({ path: file }), 'helper');
    assert.is(status, 'limited');
    assert.match(found, `memfd_create: errno ${ENOSYS}`);
    assert.match(advice!, 'memfd_create');
  },
  { skip: withoutStrace },
);

test('a path that can be none', async () => {
  assert.instance(await rejection(doctor({ path: '' })), TypeError);
});

test('on another system there is one finding', async () => {
  const { stdout, stderr } = await runScript(`
    Object.defineProperty(process, 'platform', { value: 'darwin' });
    unshare.doctor().then(findings => console.log(JSON.stringify(findings)));`);
  assert.is(stderr, '');
  const [system, ...others] = JSON.parse(stdout);
  assert.equal(others, []);
  assert.equal([system.name, system.status], ['system', 'missing']);
  assert.match(system.found, 'Linux only, and this is darwin');
  assert.match(system.advice, 'virtual machine');
});

test('the text has a line for each finding', () => {
  const { status, stdout, stderr } = run([]);
  assert.is(stderr, '');
  assert.is(status, 0);
  const findings: Finding[] = JSON.parse(run(['--json']).stdout);
  const lines = stdout.trimEnd().split('\n');
  assert.is(lines.length, findings.length);
  lines.forEach((line, index) => {
    const { status: state, name, found, advice } = findings[index]!;
    assert.match(line, new RegExp(`^${state} +${name}  `));
    assert.ok(line.includes(found), line);
    if (advice !== null) assert.ok(line.endsWith(` -> ${advice}`), line);
  });
});

test('every finding is in docs/doctor.md, and no other', async () => {
  const text = readFileSync(path.join(packageRoot, 'docs/doctor.md'), 'utf8');
  const documented = text
    .split('\n')
    .filter(line => line.startsWith('### '))
    .map(line => line.match(/`[^`]+`/g)!.map(name => name.slice(1, -1)))
    .reduce((all, some) => all.concat(some), []);
  const found = [...(await doctor()).map(({ name }) => name), 'system'];
  assert.equal(documented.sort(), found.sort());
});

const rootOnly = !isRoot && 'it takes root to become another user, or to change the root';

/** Shell commands that put these files in the place of those in /etc. */
function bindMounts(files: { [name: string]: string }): string[] {
  const directory = makeScratch();
  return Object.entries(files).map(([name, text]) => {
    const file = path.join(directory, name);
    writeFileSync(file, text, { mode: 0o644 });
    return `mount --bind ${file} /etc/${name}`;
  });
}

/** What an ordinary user is told where /etc has these files. */
async function reportOfUser(files: { [name: string]: string }): Promise<Finding[]> {
  const code = 'unshare.doctor().then(findings => console.log(JSON.stringify(findings)));';
  return JSON.parse(await asOrdinaryUser(61235, code, bindMounts(files)));
}

const passwd = `${readFileSync('/etc/passwd', 'utf8')}somebody:x:61235:61235::/:/bin/sh\n`;
const accountSkip = rootOnly || (!existsSync('/usr/bin/newuidmap') && 'newuidmap is not installed');

test(
  "an ordinary user's subordinate ids are tried out",
  async () => {
    const ranges = 'other:100000:65536\nsomebody:200000:65536\n';
    const findings = await reportOfUser({ passwd, subuid: ranges, subgid: ranges });
    const { status, found } = named(findings, 'subordinate ids');
    assert.is(status, 'ok');
    assert.match(found, 'uids 200000 to 265535; gids 200000 to 265535');
    assert.is(named(findings, 'id maps').status, 'limited');
    assert.is(named(findings, 'user namespace').status, 'ok');
  },
  { skip: accountSkip },
);

test(
  'without subordinate ids, a range that nobody has is proposed',
  async () => {
    const findings = await reportOfUser({
      passwd,
      subuid: 'other:100000:65536\n',
      subgid: 'other:300000:65536\n',
    });
    const { status, found, advice } = named(findings, 'subordinate ids');
    assert.is(status, 'missing');
    assert.match(found, 'none for somebody in /etc/subuid and /etc/subgid');
    const range = '365536-431071';
    assert.match(advice!, `usermod --add-subuids ${range} --add-subgids ${range} somebody`);
  },
  { skip: accountSkip },
);

test(
  'a user without an account',
  async () => {
    const { status, advice } = named(await reportOfUser({ subuid: '', subgid: '' }), 'subordinate ids');
    assert.is(status, 'missing');
    assert.match(advice!, 'useradd');
  },
  { skip: accountSkip },
);

test(
  'no_new_privs takes their privileges from newuidmap and newgidmap',
  async () => {
    const ranges = 'somebody:200000:65536\n';
    const code = `
      const client = Object.keys(require.cache).find(name => name.endsWith('/client/index.js'));
      const script = 'require(process.argv[1]).doctor().then(found => console.log(JSON.stringify(found)))';
      new unshare.Command(runtime)
        .args(['-e', script, client])
        .preExec([unshare.step.syscall('prctl', unshare.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)])
        .status();`;
    const findings: Finding[] = JSON.parse(
      await asOrdinaryUser(61235, code, bindMounts({ passwd, subuid: ranges, subgid: ranges })),
    );
    assert.is(named(findings, 'no_new_privs').status, 'limited');
    const { status, advice } = named(findings, 'subordinate ids');
    assert.is(status, 'missing');
    assert.match(advice!, '"no_new_privs"');
  },
  { skip: accountSkip },
);

test(
  'newuidmap that is not installed',
  async () => {
    const { findings } = await reportOf(`mount --bind /dev/null /usr/bin/newuidmap && ${DOCTOR}`, command =>
      command.unshare('mount'),
    );
    const { status, found, advice } = named(findings, 'id map commands');
    assert.equal([status, found], ['missing', 'newuidmap not found']);
    assert.match(advice!, 'uidmap');
  },
  { skip: accountSkip },
);

test(
  'newuidmap with file capabilities in place of the set-uid bit',
  async () => {
    const directory = makeScratch();
    const prepare = ['newuidmap', 'newgidmap'].map(name => {
      const copy = path.join(directory, name);
      const capability = name === 'newuidmap' ? 'cap_setuid' : 'cap_setgid';
      return `cp /usr/bin/${name} ${copy} && setcap ${capability}+ep ${copy} && mount --bind ${copy} /usr/bin/${name}`;
    });
    const { findings } = await reportOf(`${prepare.join(' && ')} && ${DOCTOR}`, command =>
      command.unshare('mount'),
    );
    assert.match(named(findings, 'id map commands').found, '/usr/bin/newuidmap (file capabilities)');
  },
  { skip: accountSkip || (!existsSync('/usr/sbin/setcap') && 'setcap is not installed') },
);

test(
  'root without CAP_SETFCAP cannot map 0',
  async () => {
    const { findings } = await reportOf(DOCTOR, command =>
      command.keepCaps(['CAP_SYS_ADMIN', 'CAP_SETUID', 'CAP_SETGID', 'CAP_SETPCAP', 'CAP_DAC_OVERRIDE']),
    );
    const { status, found, advice } = named(findings, 'user namespace');
    assert.is(status, 'missing');
    assert.match(found, 'CAP_SETFCAP');
    assert.match(advice!, 'give this process the capability');
  },
  { skip: rootOnly },
);

test(
  'in a chroot',
  async () => {
    const directory = makeScratch();
    const root = path.join(directory, 'root');
    mkdirSync(root);
    const { findings } = await reportOf(`mount --rbind / ${root} && chroot ${root} ${DOCTOR}`, command =>
      command.unshare('mount').currentDir('/'),
    );
    const { status, advice } = named(findings, 'user namespace');
    assert.is(status, 'missing');
    assert.match(advice!, 'chroot');
  },
  { skip: rootOnly },
);

test('AppArmor keeps an ordinary user from user namespaces: the profile for the helper is printed', async () => {
  const fake = makeScratch();
  for (const directory of ['proc/self/attr', 'proc/sys/kernel']) {
    mkdirSync(path.join(fake, directory), { recursive: true });
  }
  const status = 'Name:\tnode\nCapEff:\t0000000000000000\nNoNewPrivs:\t0\nSeccomp:\t0\n';
  writeFileSync(path.join(fake, 'proc/self/status'), status);
  writeFileSync(path.join(fake, 'proc/self/attr/current'), 'unconfined\n');
  writeFileSync(path.join(fake, 'proc/sys/kernel/apparmor_restrict_unprivileged_userns'), '1\n');
  // A link, as package managers make them: AppArmor compares the path without links.
  const link = path.join(fake, 'helper');
  symlinkSync(helperBinary, link);
  const script = `
    const directory = process.argv[1];
    const { examine } = require(directory + '/examine');
    const { printFindings } = require(directory + '/print');
    examine(process.argv[2], process.argv[3]).then(findings => process.stdout.write(printFindings(findings)));`;
  const { stdout, stderr } = await new Command(runtimePath)
    .args(['-e', script, path.join(packageRoot, 'dist/client/doctor'), link, fake])
    // The kernel refuses it as AppArmor would.
    .preExec(containerFilter)
    .output();
  assert.is(stderr.toString(), '');
  const text = stdout.toString();
  assert.match(text, /^missing +user namespace .*kernel\.apparmor_restrict_unprivileged_userns is 1/m);
  assert.match(text, /^missing +AppArmor .* -> .*apparmor_parser -r \/etc\/apparmor\.d\/unshare-helper$/m);
  assert.match(
    text,
    `\nprofile unshare-helper "${realpathSync(helperBinary)}" flags=(unconfined) {\n  userns,\n`,
  );
  assert.match(text, 'The copy that the helper usually runs from has no path');
});

test.run();
