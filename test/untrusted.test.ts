import { readFileSync, readlinkSync, statSync, writeFileSync } from 'fs';
import { type AddressInfo, createServer, type Server } from 'net';
import * as path from 'path';
import { AT_FDCWD, Command, O_NOCTTY, O_RDWR, step, TIOCGPTPEER, TIOCSCTTY, TIOCSPTLCK } from 'unshare';
import * as assert from 'uvu/assert';
import { blocksOf } from './doc-blocks';
import { find } from './doc-programs';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { packageRoot, runtimePath } from './support';

/*
 * examples/untrusted.js, attacked by test/fixtures/attack.py. Then each of its protections is taken away, and the attack
 * has to find that.
 */

const test = suite('untrusted');
const example = path.join(packageRoot, 'examples/untrusted.js');
const isRoot = process.getuid!() === 0;
const withoutPython = find('python3') === null && 'python3 is not installed';

const scratch = makeScratch();
const file = path.join(scratch, 'file');
const socket = path.join(scratch, 'socket');
const CONTENT = 'nobody reads this\n';
const KINDS = ['user', 'mnt', 'pid', 'net', 'ipc', 'uts', 'cgroup'];
const servers: Server[] = [];

function listen(where: string | { port: number; host: string }): Promise<Server> {
  const server = createServer(connection => connection.destroy());
  servers.push(server);
  return new Promise((resolve, reject) => {
    server.on('error', reject);
    server.listen(where as never, () => resolve(server));
  });
}

/** What the attack is to reach, as a line of Python. */
let outside = '';

test.before(async () => {
  // Everybody may write to it: only another root keeps it out of reach.
  writeFileSync(file, CONTENT);
  const server = await listen({ port: 0, host: '127.0.0.1' });
  await listen(socket);
  const reach = {
    file,
    socket,
    abstract: 'unshare-test-no-such-name',
    port: (server.address() as AddressInfo).port,
    pid: process.pid,
    uid: process.getuid!(),
    isRoot: Number(isRoot),
    namespaces: Object.fromEntries(KINDS.map(kind => [kind, readlinkSync(`/proc/self/ns/${kind}`)])),
  };
  outside = `OUTSIDE = ${JSON.stringify(reach)}\n`;
});

test.after(() => {
  for (const server of servers) server.close();
});

/** Runs a program that has a terminal, as one that is started in a shell has, and returns what it printed. */
async function withTerminal(program: string, ...args: string[]): Promise<string> {
  const { status, stdout, stderr } = await new Command(runtimePath)
    .arg(program)
    .args(args)
    .currentDir('/')
    .preExec([
      step.syscall('openat', AT_FDCWD, '/dev/ptmx', O_RDWR | O_NOCTTY),
      step.syscall('ioctl', step.result(0), TIOCSPTLCK, Buffer.alloc(4)),
      step.syscall('ioctl', step.result(0), TIOCGPTPEER, O_RDWR | O_NOCTTY),
      step.syscall('setsid'),
      step.syscall('ioctl', step.result(2), TIOCSCTTY, 0),
    ])
    .output({ timeout: 30_000 });
  assert.equal([stderr.toString(), String(status)], ['', 'exit status: 0']);
  return stdout.toString();
}

/** What the attack got in a sandbox that this program makes. */
async function attack(program: string): Promise<string[]> {
  const source = outside + readFileSync(path.join(packageRoot, 'test/fixtures/attack.py'), 'utf8');
  const printed = await withTerminal(program, `python3 - <<'END_OF_ATTACK'\n${source}\nEND_OF_ATTACK\n`);
  const [list, ...rest] = printed.split('\n').filter(line => line !== '');
  assert.equal(rest, ['exit status: 0'], printed);
  return JSON.parse(list!);
}

/** The example with something else in place of `text`. */
function changed(text: string | RegExp, replacement: string): string {
  const original = readFileSync(example, 'utf8');
  const weak = original.replace(text, replacement);
  assert.is.not(weak, original, `examples/untrusted.js has no ${text}`);
  const copy = path.join(makeScratch(), 'untrusted.cjs');
  writeFileSync(copy, weak.replace(/require\('unshare'\)/g, `require(${JSON.stringify(packageRoot)})`));
  return copy;
}

test(
  'an attack gets nothing',
  async () => {
    const { mode } = statSync(file);
    assert.equal(await attack(example), []);
    assert.equal([readFileSync(file, 'utf8'), statSync(file).mode], [CONTENT, mode]);
  },
  { skip: withoutPython },
);

test('a program that kills everything kills itself only', async () => {
  const script = '{ kill -9 0; kill -9 -1; } 2>/dev/null; echo alive';
  assert.is(await withTerminal(example, script), 'alive\nexit status: 0\n');
});

test('a program that never ends is ended, with all that it has started', async () => {
  const printed = await withTerminal(example, 'echo started; setsid sleep 1000 & sleep 1000');
  assert.match(printed, /^started\n"sh" .* was ended after 5000 ms \(ETIMEDOUT\)\n$/);
});

test('a program that prints without end is ended', async () => {
  assert.match(await withTerminal(example, 'cat /dev/zero'), 'maxBuffer');
});

test(
  'the attack refuses to run outside of a sandbox',
  async () => {
    const source = outside + readFileSync(path.join(packageRoot, 'test/fixtures/attack.py'), 'utf8');
    const { status, stderr } = await new Command(find('python3')!).args(['-c', source]).output();
    assert.equal([String(status), stderr.toString()], ['exit status: 1', 'refused: this is not a sandbox\n']);
  },
  { skip: withoutPython },
);

/** A line of the example, what it becomes, and what the attack then gets. */
const WEAKER: [what: string, text: string | RegExp, replacement: string, gets: RegExp][] = [
  ['a root of its own', /.*'pivot_root'.*\n.*'umount2'.*\n.*MS_REMOUNT \|.*\n/, '', /password file \(\)/],
  ['a read-only root', /.*MS_REMOUNT \|.*\n/, '', /writable: \//],
  ['a read-only /usr', 'MOUNT_ATTR_RDONLY | MOUNT', 'MOUNT', /writable: \/usr/],
  ['no devices in /usr', ' | MOUNT_ATTR_NODEV', '', /devices: \/usr/],
  ['no setuid programs in /usr', ' | MOUNT_ATTR_NOSUID', '', /setuid programs of \/usr/],
  [
    'a session',
    /.*'setsid'.*\n([\s\S]*)\.closeFds\(\)/,
    '$1.closeFds().newSession(false)',
    /session of the client/,
  ],
  ['no user namespaces', /.*step\.result\(1\).*\n/, '', /user namespace/],
  ['no new privileges', /.*PR_SET_NO_NEW_PRIVS, 1.*\n/, '', /privileges of programs/],
  ['a network', "'net', ", '', /namespace of the client: net/],
  ['IPC', "'ipc', ", '', /namespace of the client: ipc/],
  ['a host name', "'uts', ", '', /namespace of the client: uts/],
  ['control groups', ", 'cgroup'", '', /namespace of the client: cgroup/],
  ['no descriptors', /\n {2}\.closeFds\(\)/, '', /descriptor: /],
  ['a size of /tmp', 'size=16m,', '', /disk/],
  ['few files', ',nr_inodes=4096', '', /files/],
  ['few processes', /.*limit\(RLIMIT_NPROC,.*\n/, '', /processes/],
  ['little memory', /.*limit\(RLIMIT_AS,.*\n/, '', /memory/],
  ['little processor time', /.*limit\(RLIMIT_CPU,.*\n/, '', /processor/],
  ['small files', /.*limit\(RLIMIT_FSIZE,.*\n/, '', /large file/],
  ['few descriptors', /.*limit\(RLIMIT_NOFILE,.*\n/, '', /descriptors/],
  ['no core dumps', /.*limit\(RLIMIT_CORE,.*\n/, '', /core dump/],
];
if (isRoot) WEAKER.push(['an id of its own', '= process.getuid() === 0', '= false', /id of root/]);

for (const [what, text, replacement, gets] of WEAKER) {
  test(
    `without ${what}, the attack gets something`,
    async () => {
      const got = await attack(changed(text, replacement));
      assert.ok(
        got.some(name => gets.test(name)),
        `it got ${got}`,
      );
    },
    { skip: withoutPython },
  );
}

test('the program of the guide is the example', () => {
  const code = readFileSync(example, 'utf8')
    .replace(/^(\/\/.*\n)+/, '')
    .replace(/const (\{[^}]*\}) = require\((.*)\);/g, 'import $1 from $2;')
    .trimEnd();
  assert.ok(blocksOf('docs/guide.md').some(block => block.code === code));
});

test.run();
