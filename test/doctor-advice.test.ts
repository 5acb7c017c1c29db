import { mkdirSync, writeFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { appArmorFinding } from '../client/doctor/apparmor';
import { type Finding, limited, missing, ok } from '../client/doctor/finding';
import { helperFinding, noHelperFinding } from '../client/doctor/helper-finding';
import { type Host, isUnprivileged, type ProcessStatus, readHost } from '../client/doctor/host';
import {
  describeRanges,
  idMapsFinding,
  mapCommandsFinding,
  noMapCommandsFinding,
  subordinateIdsFinding,
} from '../client/doctor/id-maps';
import { kernelFinding } from '../client/doctor/kernel';
import { limitsFinding, namespaceFinding } from '../client/doctor/namespaces';
import { describePipes } from '../client/doctor/pipes';
import { plainCommandFinding } from '../client/doctor/plain-command';
import { printFindings } from '../client/doctor/print';
import { capabilitiesFinding, noNewPrivsFinding, seccompFinding } from '../client/doctor/privileges';
import { mountFinding, procFinding } from '../client/doctor/proc';
import { callFinding, NEWER_CALLS } from '../client/doctor/system-calls';
import type { Attempt, Trial } from '../client/doctor/trial';
import { userNamespaceFinding } from '../client/doctor/user-namespace';
import { UnshareError, type UnshareErrorFields } from '../client/error/error';
import type { unshare } from '../client/messages';
import { suite } from './harness';
import { makeScratch } from './scratch';

const test = suite('advice of the doctor');

const EPERM = 1;
const ENOENT = 2;
const EAGAIN = 11;
const EACCES = 13;
const EINVAL = 22;
const ENOSPC = 28;
const ENOSYS = 38;

const works: Attempt = { tried: true, error: null };
const untried: Attempt = { tried: false, reason: 'so' };

function fails(fields: UnshareErrorFields): Attempt {
  return { tried: true, error: new UnshareError(fields) };
}

const forkFails = (errno: number, item = 'user') => fails({ stage: 'Fork', errno, item });

const nothing: ProcessStatus = {
  effective: new Set(),
  capabilityCount: 41,
  noNewPrivs: false,
  isFiltered: false,
};

interface Machine {
  files?: { [path: string]: string };
  status?: Partial<ProcessStatus> | null;
  account?: string | null;
  kernel?: string;
  uid?: number;
}

/** A machine with these files, and an ordinary user on it. */
function host({
  files = {},
  status = {},
  account = 'somebody',
  kernel = '6.1.0',
  uid = 1000,
}: Machine = {}): Host {
  const root = makeScratch();
  for (const [name, text] of Object.entries(files)) {
    const file = path.join(root, name);
    mkdirSync(path.dirname(file), { recursive: true });
    writeFileSync(file, text);
  }
  const all = status === null ? null : { ...nothing, ...status };
  return { ...readHost(root), kernel, uid, gid: uid, account, status: all };
}

const filtered = host({ status: { isFiltered: true } });
const privileged = { effective: new Set(['CAP_SYS_ADMIN', 'CAP_SETUID', 'CAP_SETGID']) };
const userOk = ok('user namespace', '');
const userMissing = missing('user namespace', '', '');
const restricted = { '/proc/sys/kernel/apparmor_restrict_unprivileged_userns': '1\n' };
const hello = (fields: object) => fields as unshare.v1.Hello;
const helperError = (fields: Partial<UnshareErrorFields>) =>
  noHelperFinding(new UnshareError({ stage: 'Helper', doing: 'it failed', ...fields }));
const commands = ['/bin/newuidmap', '/bin/newgidmap'] as const;
/** Not to be used. */
const trial = null as unknown as Trial;

interface Case {
  finding: () => Finding | Promise<Finding>;
  status: Finding['status'];
  /** Words of what was found, and of what to do. */
  found?: string | RegExp;
  advice: string | RegExp;
}

const cases: { [name: string]: Case } = {
  'an old kernel': {
    finding: () => kernelFinding(host({ kernel: '4.17.19' })),
    status: 'limited',
    found: '4.17.19',
    advice: 'Linux 4.18 or later',
  },
  'a helper that is not sealed': {
    finding: () => helperFinding('/h', hello({ sealed: false, unsealedReason: 'memfd_create: errno 38' })),
    status: 'limited',
    found: 'memfd_create: errno 38',
    advice: 'write to that file',
  },
  'a client that must not start a helper': {
    finding: () => helperError({}),
    status: 'missing',
    found: 'it failed',
    advice: 'what the message asks for',
  },
  'an architecture without a helper': {
    finding: () => helperError({ path: '/h', hint: 'the package has helpers for others' }),
    status: 'missing',
    advice: 'build the helper for this architecture',
  },
  'a helper that is not there': {
    finding: () => helperError({ path: '/h', errno: ENOENT }),
    status: 'missing',
    advice: 'install the package again, or name the helper in the environment variable UNSHARE_HELPER',
  },
  'a helper that must not be executed': {
    finding: () => helperError({ path: '/h', errno: EACCES }),
    status: 'missing',
    advice: 'chmod 755',
  },
  'a helper that does not fit': {
    finding: () => helperError({ path: '/h' }),
    status: 'missing',
    advice: /^install the package again, for \w+, so that helper and client belong together$/,
  },
  'no /dev/null': {
    finding: () => plainCommandFinding(fails({ stage: 'StdioError', errno: ENOENT }), works, host()),
    status: 'limited',
    advice: 'provide a /dev/null',
  },
  'no process any more': {
    finding: () => plainCommandFinding(forkFails(EAGAIN), forkFails(EAGAIN), host()),
    status: 'missing',
    found: 'EAGAIN',
    advice: 'ulimit -u',
  },
  'a filter that refuses processes': {
    finding: () => plainCommandFinding(forkFails(EPERM), forkFails(EPERM), filtered),
    status: 'missing',
    advice: 'let the seccomp filter allow it',
  },
  'a process that fails for an unknown reason': {
    finding: () => plainCommandFinding(forkFails(EPERM), forkFails(EPERM), host()),
    status: 'missing',
    advice: 'kernel log',
  },
  'pipes of the helper that are out of reach': {
    finding: () => describePipes(false),
    status: 'limited',
    advice: 'mode 0755',
  },
  'no /proc': {
    finding: () => procFinding(host()),
    status: 'missing',
    found: /^not mounted$/,
    advice: 'mount -t proc proc /proc',
  },
  'a foreign /proc': {
    finding: () => procFinding(host({ files: { '/proc/filesystems': '' } })),
    status: 'missing',
    found: 'another pid namespace',
    advice: 'mount a new one',
  },
  'a limit of 0 for user namespaces': {
    finding: () =>
      userNamespaceFinding(
        forkFails(ENOSPC),
        host({ files: { '/proc/sys/user/max_user_namespaces': '0\n' } }),
      ),
    status: 'missing',
    found: 'user.max_user_namespaces is 0',
    advice: 'as root: sysctl -w user.max_user_namespaces=10000',
  },
  'a limit for user namespaces that is reached': {
    finding: () => userNamespaceFinding(forkFails(ENOSPC), host()),
    status: 'missing',
    found: 'is reached',
    advice: 'nest less deep',
  },
  'an own uid that is not mapped': {
    finding: () =>
      userNamespaceFinding(forkFails(EPERM), host({ files: { '/proc/self/uid_map': ' 0 1000 1000\n' } })),
    status: 'missing',
    found: 'the own uid 1000 is not mapped',
    advice: '/proc/self/uid_map',
  },
  'a uid map without rows': {
    finding: () => userNamespaceFinding(forkFails(EPERM), host({ files: { '/proc/self/uid_map': '' } })),
    status: 'missing',
    found: 'the own uid 1000 is not mapped',
    advice: '/proc/self/uid_map',
  },
  'an own gid that is not mapped': {
    finding: () =>
      userNamespaceFinding(
        forkFails(EPERM),
        host({
          files: { '/proc/self/uid_map': '0 0 4294967295\n', '/proc/self/gid_map': '0 0 10\n2000 2000 10\n' },
        }),
      ),
    status: 'missing',
    found: 'the own gid 1000 is not mapped',
    advice: '/proc/self/gid_map',
  },
  'the switch of Debian': {
    finding: () =>
      userNamespaceFinding(
        forkFails(EPERM),
        host({ files: { '/proc/sys/kernel/unprivileged_userns_clone': '0\n' } }),
      ),
    status: 'missing',
    found: 'kernel.unprivileged_userns_clone is 0',
    advice: 'sysctl -w kernel.unprivileged_userns_clone=1',
  },
  'an AppArmor profile around the client': {
    finding: () =>
      userNamespaceFinding(
        forkFails(EACCES),
        host({ files: { ...restricted, '/proc/self/attr/current': 'docker-default (enforce)\n' } }),
      ),
    status: 'missing',
    found: 'AppArmor profile docker-default',
    advice: 'let that profile allow it, by a rule "userns,"',
  },
  "AppArmor's restriction": {
    finding: () => userNamespaceFinding(forkFails(EPERM), host({ files: restricted })),
    status: 'missing',
    found: 'kernel.apparmor_restrict_unprivileged_userns is 1',
    advice: 'install the AppArmor profile',
  },
  "AppArmor's restriction, where it takes the capabilities only": {
    finding: () =>
      userNamespaceFinding(
        fails({ stage: 'PreExec', errno: EPERM, syscall: 'chroot' }),
        host({ files: restricted }),
      ),
    status: 'limited',
    found: /^made, but without capabilities inside: chroot: .*EPERM/,
    advice: 'install the AppArmor profile',
  },
  'a seccomp filter': {
    finding: () => userNamespaceFinding(forkFails(ENOSYS), filtered),
    status: 'missing',
    found: 'a seccomp filter is in force',
    advice: 'docker and podman --security-opt seccomp=',
  },
  'a seccomp filter that kills': {
    finding: () => userNamespaceFinding(fails({ stage: 'UnknownError', signal: 'SIGSYS' }), host()),
    status: 'missing',
    found: 'a seccomp filter is in force',
    advice: 'let the seccomp filter allow it',
  },
  'id maps without /proc': {
    finding: () =>
      userNamespaceFinding(fails({ stage: 'SetIdMap', errno: ENOENT, hint: '/proc is not mounted' }), host()),
    status: 'missing',
    found: '/proc is not mounted',
    advice: 'see to the line "/proc"',
  },
  'id maps without a capability': {
    finding: () =>
      userNamespaceFinding(
        fails({ stage: 'SetIdMap', errno: EPERM, hint: 'it needs CAP_SETFCAP' }),
        host({ status: privileged }),
      ),
    status: 'missing',
    found: 'CAP_SETFCAP',
    advice: 'give this process the capability',
  },
  'id maps that fail otherwise': {
    finding: () => userNamespaceFinding(fails({ stage: 'SetIdMap', errno: EINVAL }), host()),
    status: 'missing',
    advice: 'kernel log',
  },
  'a chroot': {
    finding: () =>
      userNamespaceFinding(
        forkFails(EPERM),
        host({ files: { '/proc/self/mountinfo': '30 20 0:5 / /proc rw - proc proc rw\n' } }),
      ),
    status: 'missing',
    found: 'this process runs in a chroot',
    advice: 'outside of the chroot',
  },
  'a kernel without user namespaces': {
    finding: () => userNamespaceFinding(forkFails(EINVAL), host()),
    status: 'missing',
    advice: 'CONFIG_USER_NS',
  },
  'user namespaces that are refused for an unknown reason': {
    finding: () => userNamespaceFinding(forkFails(EPERM), host({ files: restricted, status: privileged })),
    status: 'missing',
    advice: /^a security module or a chroot may refuse it/,
  },
  'the profile for the helper': {
    finding: () => appArmorFinding(host({ files: restricted }), userMissing, '/opt/helper', false),
    status: 'missing',
    advice: 'apparmor_parser -r /etc/apparmor.d/unshare-helper',
  },
  'a profile of the helper that is not enough': {
    finding: () => appArmorFinding(host({ files: restricted }), userMissing, '/opt/helper', true),
    status: 'missing',
    found: 'the profile of the helper does not allow them',
    advice: 'apparmor_parser -r',
  },
  'a confined client': {
    finding: () =>
      appArmorFinding(
        host({ files: { ...restricted, '/proc/self/attr/apparmor/current': 'lxc (enforce)\n' } }),
        userMissing,
        '/opt/helper',
        false,
      ),
    status: 'limited',
    found: 'the profile lxc',
    advice: 'let that profile allow "userns,"',
  },
  'the restriction, and no helper': {
    finding: () => appArmorFinding(host({ files: restricted }), userMissing, null, false),
    status: 'missing',
    advice: 'see to the line "helper"',
  },
  'limits of 0': {
    finding: () =>
      limitsFinding(
        host({
          files: {
            '/proc/sys/user/max_mnt_namespaces': '0\n',
            '/proc/sys/user/max_net_namespaces': '0\n',
            '/proc/sys/user/max_pid_namespaces': '9\n',
          },
        }),
      ),
    status: 'limited',
    found: /^user.max_mnt_namespaces, user.max_net_namespaces are 0$/,
    advice: /^as root: sysctl -w user.max_mnt_namespaces=10000; sysctl -w user.max_net_namespaces=10000$/,
  },
  'a namespace that takes a user namespace': {
    finding: () => namespaceFinding('net', forkFails(EPERM, 'net'), works, host(), userOk),
    status: 'limited',
    found: 'alone, it needs CAP_SYS_ADMIN',
    advice: "unshare('user', 'net')",
  },
  'a namespace without user namespaces': {
    finding: () => namespaceFinding('net', forkFails(EPERM, 'net'), forkFails(EPERM), host(), userMissing),
    status: 'missing',
    advice: 'first see to the line "user namespace"',
  },
  'a namespace in user namespaces that have no capabilities': {
    finding: () =>
      namespaceFinding(
        'net',
        forkFails(EPERM, 'net'),
        forkFails(EPERM, 'net'),
        host(),
        limited('user namespace', '', ''),
      ),
    status: 'missing',
    advice: 'first see to the line "user namespace"',
  },
  'a namespace at its limit': {
    finding: () =>
      namespaceFinding('mount', forkFails(ENOSPC, 'mount'), forkFails(ENOSPC, 'mount'), host(), userOk),
    status: 'missing',
    found: 'user.max_mnt_namespaces is reached',
    advice: 'raise user.max_mnt_namespaces',
  },
  'a namespace that the kernel does not know': {
    finding: () =>
      namespaceFinding('time', forkFails(EINVAL, 'time'), forkFails(EINVAL, 'time'), host(), userOk),
    status: 'missing',
    advice: 'Linux 5.6 or later',
  },
  'a namespace that a filter refuses': {
    finding: () =>
      namespaceFinding('net', forkFails(EPERM, 'net'), forkFails(EPERM, 'net'), filtered, userOk),
    status: 'missing',
    advice: 'let the seccomp filter allow it',
  },
  'a namespace that is refused for an unknown reason': {
    finding: () => namespaceFinding('net', works, forkFails(EPERM, 'net'), host(), userOk),
    status: 'limited',
    found: /^made alone only/,
    advice: /^a security module may refuse it/,
  },
  'mounting /proc in a user namespace': {
    finding: () => mountFinding(forkFails(EPERM, 'pid'), works, host(), userOk),
    status: 'limited',
    advice: "unshare('user', 'pid', 'mount')",
  },
  'mounting /proc without user namespaces': {
    finding: () => mountFinding(forkFails(EPERM, 'pid'), forkFails(EPERM), host(), userMissing),
    status: 'missing',
    advice: 'first see to the line "user namespace"',
  },
  'mounting /proc without pid namespaces': {
    finding: () => mountFinding(works, forkFails(ENOSPC, 'pid'), host(), userOk),
    status: 'limited',
    advice: 'first see to the lines "pid namespace" and "mount namespace"',
  },
  'mounting /proc without a directory': {
    finding: () => mountFinding(mountFails(ENOENT), mountFails(ENOENT), host(), userOk),
    status: 'missing',
    found: /^mount: .*ENOENT/,
    advice: 'make a directory /proc',
  },
  'mounting /proc where parts of it are hidden': {
    finding: () =>
      mountFinding(
        mountFails(EPERM),
        mountFails(EPERM),
        host({ files: mounted('/proc', '/proc/kcore') }),
        userOk,
      ),
    status: 'missing',
    found: 'hidden below /proc: /proc/kcore',
    advice: 'systempaths=unconfined',
  },
  'mounting /proc where there is none': {
    finding: () => mountFinding(works, mountFails(EPERM), host({ files: mounted('/') }), userOk),
    status: 'limited',
    advice: 'mount /proc in the mount namespace of this process first',
  },
  'mounting /proc that is refused for an unknown reason': {
    finding: () => mountFinding(works, mountFails(EACCES), host({ files: mounted('/', '/proc') }), userOk),
    status: 'limited',
    advice: 'allow mount',
  },
  'id maps without user namespaces': {
    finding: () => idMapsFinding(forkFails(EPERM), userMissing),
    status: 'missing',
    advice: 'first see to the line "user namespace"',
  },
  'id maps of the own ids': {
    finding: () => idMapsFinding(fails({ stage: 'SetIdMap', errno: EPERM }), userOk),
    status: 'limited',
    advice: 'setIdMapCommands()',
  },
  'no id map commands': {
    finding: () => noMapCommandsFinding(['newuidmap', 'newgidmap']),
    status: 'missing',
    found: 'newuidmap and newgidmap not found',
    advice: 'uidmap in Debian and Ubuntu',
  },
  'id map commands without privileges': {
    finding: () => mapCommandsFinding(commands, ['setuid root', null], host()),
    status: 'limited',
    found: /^\/bin\/newuidmap \(setuid root\), \/bin\/newgidmap \(no privileges\)$/,
    advice: 'chmod u+s',
  },
  'no subordinate ids': {
    finding: () => subordinateIdsFinding(trial, host({ files: ranges('somebody:5:0') }), commands, userOk),
    status: 'missing',
    advice: 'usermod --add-subuids 100000-165535 --add-subgids 100000-165535 somebody',
  },
  'no account': {
    finding: () => subordinateIdsFinding(trial, host({ account: null }), commands, userOk),
    status: 'missing',
    found: 'none for uid 1000, which has no account,',
    advice: 'useradd',
  },
  'a directory of subordinate ids': {
    finding: () =>
      subordinateIdsFinding(
        trial,
        host({ files: { '/etc/nsswitch.conf': 'passwd: files\nsubid: sss\n' } }),
        commands,
        userOk,
      ),
    status: 'missing',
    found: 'names sss',
    advice: 'getsubids somebody',
  },
  'subordinate ids without user namespaces': {
    finding: () => describeRanges('', forkFails(EPERM), host(), userMissing),
    status: 'missing',
    advice: 'first see to the line "user namespace"',
  },
  'subordinate ids under no_new_privs': {
    finding: () => describeRanges('', auxFails, host({ status: { noNewPrivs: true } }), userOk),
    status: 'missing',
    advice: 'see to the line "no_new_privs"',
  },
  'subordinate ids that are refused': {
    finding: () => describeRanges('', auxFails, host(), userOk),
    status: 'missing',
    advice: 'mounted nosuid',
  },
  'capabilities that are not there': {
    finding: () => capabilitiesFinding(host({ status: privileged })),
    status: 'limited',
    found: /^CAP_SYS_ADMIN, CAP_SETUID, CAP_SETGID; .*not CAP_SYS_CHROOT, CAP_SETPCAP$/,
    advice: "unshare('user') with setIdMaps()",
  },
  no_new_privs: {
    finding: () => noNewPrivsFinding(host({ status: { noNewPrivs: true } })),
    status: 'limited',
    advice: 'NoNewPrivileges=no',
  },
  'any filter': {
    finding: () => seccompFinding(filtered),
    status: 'limited',
    advice: 'where another line is not ok for it',
  },
};

for (const call of NEWER_CALLS) {
  cases[`no ${call.name}`] = {
    finding: () => callFinding(call, fails({ stage: 'PreExec', errno: ENOSYS, syscall: call.name })),
    status: 'limited',
    found: 'ENOSYS',
    advice: call.instead,
  };
}

function mountFails(errno: number): Attempt {
  return fails({ stage: 'PreExec', errno, syscall: 'mount' });
}

const auxFails = fails({ stage: 'AuxCommandExited', item: '/bin/newuidmap' });

function mounted(...points: string[]): { [path: string]: string } {
  return { '/proc/self/mountinfo': points.map(point => `1 1 0:1 / ${point} rw - x x rw\n`).join('') };
}

function ranges(text: string): { [path: string]: string } {
  return { '/etc/subuid': `${text}\n`, '/etc/subgid': `${text}\n` };
}

for (const [name, { finding, status, found, advice }] of Object.entries(cases)) {
  test(name, async () => {
    const actual = await finding();
    assert.is(actual.status, status, actual.found);
    if (found !== undefined) assert.match(actual.found, found);
    assert.match(actual.advice!, advice);
  });
}

test('what was not tried is unknown, with the reason', () => {
  const findings = [
    plainCommandFinding(untried, untried, host()),
    userNamespaceFinding(untried, host()),
    namespaceFinding('net', untried, untried, host(), userOk),
    mountFinding(untried, untried, host(), userOk),
    idMapsFinding(untried, userOk),
    describeRanges('1 to 2', untried, host(), userOk),
    callFinding(NEWER_CALLS[0]!, untried),
  ];
  for (const { status, found, advice } of findings) {
    assert.equal([status, advice], ['unknown', null]);
    assert.match(found, 'so');
  }
});

test('without /proc/self/status, nothing is said of privileges', () => {
  const without = host({ status: null });
  const findings = [capabilitiesFinding(without), noNewPrivsFinding(without), seccompFinding(without)];
  assert.equal(
    findings.map(({ status }) => status),
    ['unknown', 'unknown', 'unknown'],
  );
  assert.equal([isUnprivileged(without), isUnprivileged({ ...without, uid: 0 })], [true, false]);
});

test("AppArmor's restriction is no matter where user namespaces work, nor for the privileged", () => {
  const files = restricted;
  assert.is(appArmorFinding(host(), userOk, '/h', false).status, 'ok');
  const allowed = appArmorFinding(host({ files }), userOk, '/h', true);
  assert.is(allowed.status, 'ok');
  assert.match(allowed.found, 'a profile allows it');
  assert.is(appArmorFinding(host({ files, status: privileged }), userMissing, '/h', false).status, 'ok');
});

test('a helper that keeps its AppArmor profile is not told off for running from its file', () => {
  const { status, found } = helperFinding('/h', hello({ sealed: false, unsealedReason: 'apparmor' }));
  assert.is(status, 'ok');
  assert.match(found, 'an AppArmor profile is attached');
});

test('the profile is for the path of the helper, and no pattern', () => {
  const helper = '/opt/my [app]*/{x}@2/unshare-helper';
  const { install } = appArmorFinding(host({ files: restricted }), userMissing, helper, false);
  assert.is(install!.path, '/etc/apparmor.d/unshare-helper');
  const quoted = '"/opt/my \\[app\\]\\*/\\{x\\}\\@2/unshare-helper"';
  assert.match(install!.text, `\nprofile unshare-helper ${quoted} flags=(unconfined) {\n  userns,\n`);
});

test('capabilities are listed by what is shorter', () => {
  const status = (words: string[]) => ({ effective: new Set(words) });
  const all = readAll();
  const found = (words: string[]) => capabilitiesFinding(host({ status: status(words) })).found;
  assert.is(found(all), 'all 41');
  assert.match(found(all.filter(name => name !== 'CAP_SYS_RESOURCE')), /^all but CAP_SYS_RESOURCE$/);
  assert.match(found(all.slice(0, 20)), /^20 of 41;/);
  assert.is(found([]), 'none');
});

function readAll(): string[] {
  const files = {
    '/proc/self/status': 'CapEff:\t000001ffffffffff\n',
    '/proc/sys/kernel/cap_last_cap': '40\n',
  };
  const root = makeScratch();
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(path.dirname(path.join(root, name)), { recursive: true });
    writeFileSync(path.join(root, name), text);
  }
  return [...readHost(root).status!.effective];
}

test('a finding is one line, and a file to install comes after all of them', () => {
  const install = { path: '/etc/x', text: 'a\nb\n' };
  const text = printFindings([{ ...missing('one', 'a\nb', 'c'), install }, ok('longer', 'd')]);
  assert.is(text, 'missing  one     a b -> c\nok       longer  d\n\n/etc/x:\n\na\nb\n');
});

test.run();
