import { execFileSync } from 'child_process';
import { existsSync, mkdirSync, readFileSync, rmdirSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command, Fd, Helper, type UnshareError } from 'unshare';
import * as assert from 'uvu/assert';
import { drivesPipes, runtime } from '../client/runtime';
import { suite } from './harness';
import {
  childrenOf,
  HELPER_AT_REST,
  openInHelper,
  packageRoot,
  rejection,
  rootMaps,
  runtimePath,
  shell,
  stateOf,
  until,
} from './support';
import { helperScript, tracedHelper, withoutStrace, wrappedHelper } from './wrapped-helper';

/*
 * What the machine has no more of: descriptors, processes, memory, room on a disk, memory for a message. Each for real
 * where that can be had without anybody else being short of it, and by strace otherwise.
 */

const test = suite('exhaustion');
const isRoot = process.getuid!() === 0;

/** One that needs most of what there is to run out of. */
const rich = () =>
  shell('cat')
    .unshare('user', 'pid', 'uts')
    .setIdMaps(...rootMaps())
    .stdin('piped')
    .stdout('piped')
    .fileDescriptor(5, Fd.pipedRead())
    .fileDescriptor(6, Fd.readNull());

/** The stage of the failure and its code, or `runs`. */
async function outcomeOf(command: Command, helper: Helper): Promise<string> {
  try {
    const child = await command.spawn({ helper });
    for (const pipe of [child.stdin, child.stdout, child.takePipeWriter(5)]) pipe?.destroy();
    const status = await child.wait();
    return status.success || status.signal === 'SIGPIPE' ? 'runs' : String(status);
  } catch (error) {
    const { stage, code } = error as UnshareError;
    return code === null ? stage : `${stage} ${code}`;
  }
}

async function nothingIsLeft(helper: Helper): Promise<void> {
  const pid = helper.pid!;
  await until('no process is left', () => childrenOf(pid).length === 0);
  const atRest = () => openInHelper(pid).filter(link => !HELPER_AT_REST.includes(link)).length === 0;
  await until('no descriptor is left', atRest);
}

test('few descriptors: with any number of them, a command runs or fails at a stage that says so, and nothing is left', async () => {
  const stages = new Set<string>();
  for (let limit = 8; limit <= 30; limit += 1) {
    const helper = wrappedHelper(`ulimit -n ${limit}; exec "$helper" "$@"`);
    stages.add(await outcomeOf(rich(), helper));
    // What the other has needed is free again.
    assert.is(await outcomeOf(new Command('/bin/true'), helper), limit < 10 ? 'CreatePipe EMFILE' : 'runs');
    await nothingIsLeft(helper);
    await helper.close();
  }
  // On Deno, a helper for one command has sockets as well, and cannot start with the fewest descriptors.
  if (runtime === 'deno') stages.delete('Helper');
  assert.equal([...stages], ['CreatePipe EMFILE', 'SetIdMap EMFILE', 'runs']);
});

test('little memory: the helper starts or says that it could not, and commands run or fail', async () => {
  const stages = new Set<string>();
  for (let kib = 100; kib <= 6000; kib = Math.ceil(kib * 1.3)) {
    const helper = wrappedHelper(`ulimit -v ${kib}; exec "$helper" "$@"`, '/bin/bash');
    stages.add(await outcomeOf(new Command('/bin/true').arg('x'.repeat(100_000)), helper));
    await helper.close();
  }
  assert.ok(stages.has('Helper'));
  assert.ok(
    [...stages].every(stage => /^(Helper|(Helper|Exec|Fork) ENOMEM|runs|signal: .*)$/.test(stage)),
    [...stages].join(),
  );
});

test(
  'no more processes for the user: Fork, EAGAIN; and the next command works when there are fewer',
  async () => {
    // The limit counts all of the user's: so it is nobody's but that of the helper of this test.
    const helper = wrappedHelper('exec "$helper" "$@"');
    await shell('true').status({ helper });
    const limit = (soft: string) => execFileSync('prlimit', ['--pid', `${helper.pid}`, `--nproc=${soft}:`]);
    limit('1');
    const error = await rejection(shell('true').spawn({ helper }));
    assert.equal([error.stage, error.code], ['Fork', 'EAGAIN']);
    const inside = await rejection(rich().spawn({ helper }));
    assert.equal([inside.stage, inside.code], ['Fork', 'EAGAIN']);
    await nothingIsLeft(helper);
    limit('4000');
    assert.ok((await shell('true').status({ helper })).success);
    await helper.close();
  },
  {
    skip: isRoot ? 'root is above this limit' : !existsSync('/usr/bin/prlimit') && 'prlimit is not installed',
  },
);

/** A cgroup of this test's own that allows so many processes, or null where there cannot be one. */
function pidsGroup(): string | null {
  for (const parent of ['/sys/fs/cgroup/pids', '/sys/fs/cgroup']) {
    const group = path.join(parent, `unshare-test-${process.pid}`);
    try {
      mkdirSync(group);
    } catch {
      continue;
    }
    if (existsSync(path.join(group, 'pids.max'))) return group;
    rmdirSync(group);
  }
  return null;
}

test(
  'no more processes in the cgroup: Fork, EAGAIN, also of what a joiner or an id map command needs; then it works again',
  async () => {
    const group = pidsGroup();
    if (group === null) return;
    const helper = wrappedHelper(`echo $$ > ${group}/cgroup.procs; exec "$helper" "$@"`);
    try {
      await shell('true').status({ helper });
      const outcomes: string[] = [];
      for (const max of [1, 2, 3, 4]) {
        writeFileSync(path.join(group, 'pids.max'), `${max}`);
        for (const command of [
          new Command('/bin/true'),
          rich().unshare('time'),
          new Command('/bin/true')
            .setIdMaps(...rootMaps())
            .setIdMapCommands('/usr/bin/newuidmap', '/usr/bin/newgidmap'),
        ]) {
          outcomes.push(await outcomeOf(command, helper));
          await nothingIsLeft(helper);
        }
      }
      // The command; the joiner and the command; the command, the runner and what it runs.
      assert.equal(outcomes, [
        ...['Fork EAGAIN', 'Fork EAGAIN', 'Fork EAGAIN'],
        ...['runs', 'Fork EAGAIN', 'Fork EAGAIN'],
        ...['runs', 'runs', 'SetIdMap EAGAIN'],
        ...['runs', 'runs', 'runs'],
      ]);
    } finally {
      await helper.close();
      await until('the cgroup is empty', () => readFileSync(path.join(group, 'cgroup.procs'), 'utf8') === '');
      rmdirSync(group);
    }
  },
  {
    skip: isRoot
      ? !drivesPipes() && 'here, a command with pipes has a helper of its own, which is one process more'
      : 'cgroups are made by root',
  },
);

/** What `code` prints in a mount namespace where `script` was run, with `command` and `report`. */
async function inMounts(script: string, code: string): Promise<string> {
  const client = `
    const { Command, Helper } = require(${JSON.stringify(packageRoot)});
    const report = run => { try { console.log(String(run())); } catch (error) {
      console.log(error.stage, error.code, error.syscall, error.message);
    } };
    ${code}`;
  const { stdout, stderr } = await shell(`${script} && exec "$0" -e "$1"`)
    .args([runtimePath, client])
    .unshare('user', 'mount')
    .setIdMaps(...rootMaps())
    .output();
  assert.is(stderr.toString(), '');
  return stdout.toString();
}

const full = (directory: string) =>
  `mount -t tmpfs -o size=4k,mode=1777 none ${directory} && ! cat /dev/zero 2>/dev/null > ${directory}/full`;

test('/dev/shm is full: synchronous calls use the temporary directory', async () => {
  const text = await inMounts(
    full('/dev/shm'),
    `report(() => new Command('/bin/cat').outputSync({ input: 'in' }).stdout);
     report(() => new Command('/bin/true').statusSync());`,
  );
  assert.is(text, 'in\nexit status: 0\n');
});

test('every disk is full: synchronous calls fail at the stage Helper, with ENOSPC', async () => {
  const text = await inMounts(
    `${full('/dev/shm')} && ${full('/mnt')}`,
    "process.env.TMPDIR = '/mnt'; report(() => new Command('/bin/true').statusSync());",
  );
  assert.match(
    text,
    /^Helper ENOSPC (write|null) cannot make a file for the command in \/dev\/shm or \/mnt: /,
  );
});

test('no room for the answer of a synchronous call: stage Helper, and the helper tells why', async () => {
  // One page, of which the request takes all but a few bytes.
  const { stdout, stderr } = await shell(
    'mount -t tmpfs -o size=4k none /dev/shm && mount -t tmpfs -o size=4k none /mnt && exec "$0" -e "$1"',
  )
    .args([
      runtimePath,
      `const { Command } = require(${JSON.stringify(packageRoot)});
       process.env.TMPDIR = '/mnt';
       const seen = new Set();
       for (let size = 3600; size < 4096; size += 8) {
         try { new Command('/bin/true').envClear().arg('x'.repeat(size)).statusSync(); seen.add('runs'); }
         catch (error) { seen.add(error.stage + ' ' + (error.code || /exited with status 74/.test(error.message))); }
       }
       console.log([...seen].join());`,
    ])
    .unshare('user', 'mount')
    .setIdMaps(...rootMaps())
    .output();
  assert.is(stdout.toString(), 'runs,Helper true,Helper ENOSPC\n', stderr.toString());
  assert.match(stderr.toString(), /^(unshare-helper: cannot write its answer\n)+$/);
});

test('the user’s cache is full: the private copy is in the temporary directory, and nothing is left in the cache', async () => {
  const text = await inMounts(
    `mount -t tmpfs none /mnt && mkdir /mnt/cache /mnt/tmp && ${full('/mnt/cache')}`,
    `process.env.XDG_CACHE_HOME = '/mnt/cache'; process.env.TMPDIR = '/mnt/tmp';
     const program = require('fs').readFileSync(${JSON.stringify(path.join(packageRoot, 'dist/helper', process.arch, 'unshare-helper'))});
     report(() => Helper.install(program));
     report(() => require('fs').readdirSync('/mnt/cache/unshare'));`,
  );
  assert.match(text, /^\/mnt\/tmp\/unshare-\d+\/unshare-helper-[0-9a-f]+\n\n$/);
});

test('every place for the private copy is full: an error that names them, and why', async () => {
  const text = await inMounts(
    `mount -t tmpfs none /mnt && mkdir /mnt/cache /mnt/tmp && ${full('/mnt/cache')} && ${full('/mnt/tmp')}`,
    `process.env.XDG_CACHE_HOME = '/mnt/cache'; process.env.TMPDIR = '/mnt/tmp';
     const program = require('fs').readFileSync(${JSON.stringify(path.join(packageRoot, 'dist/helper', process.arch, 'unshare-helper'))});
     report(() => Helper.install(program));`,
  );
  assert.match(
    text,
    /^Helper .*not in "\/mnt\/cache\/unshare": ENOSPC.*not in "\/mnt\/tmp\/unshare-\d+": ENOSPC/,
  );
});

for (const [call, errors] of [
  ['recvfrom', ['EINTR', 'EAGAIN', 'ENOMEM']],
  ['sendto', ['EINTR', 'EAGAIN', 'ENOBUFS', 'ENOMEM']],
  ['epoll_pwait', ['EINTR']],
] as const) {
  for (const error of errors) {
    test(
      `every second ${call} of the helper fails with ${error}: nobody notices`,
      async () => {
        const inject = `inject=${call}:error=${error}:when=1+2`;
        const helper = tracedHelper(['-e', `trace=${call}`, '-e', inject]);
        for (let time = 0; time < 5; time += 1) {
          const { stdout } = await shell('echo out').output({ helper });
          assert.is(stdout.toString(), 'out\n');
        }
        await helper.close();
      },
      { skip: withoutStrace },
    );
  }
}

/** Stands between client and helper: hands on what either sends in pieces of 1 to 7 bytes, with little room for what waits. */
const slowly = `
import os, random, select, socket, subprocess, sys
client = socket.socket(fileno=3)
ours, theirs = socket.socketpair()
for end in (client, ours, theirs):
    end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1)
start = "exec 3<&0 0</dev/null; exec '%s'" % sys.argv[1]
helper = subprocess.Popen(["/bin/sh", "-c", start], stdin=theirs, env={})
theirs.close()
other = {client: ours, ours: client}
while True:
    for end in select.select([client, ours], [], [])[0]:
        data = end.recv(random.randint(1, 7))
        if not data:
            sys.exit(0)
        other[end].sendall(data)
`;

test(
  'messages that come in pieces of a few bytes, both ways, with hardly any room: everything arrives',
  async () => {
    const script = helperScript('exec python3 -c "$slowly" "$helper"').replace(/$/, '');
    const text = readFileSync(script, 'utf8').replace('\nexec', `\nslowly='${slowly}'\nexec`);
    writeFileSync(script, text);
    const helper = new Helper({ path: script });
    const outputs = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        index % 3 === 0
          ? rejection(new Command(`/nowhere/${index}`).spawn({ helper })).then(error => error.code!)
          : new Command('/bin/echo')
              .arg(`${index}`)
              .arg('x'.repeat(index * 100))
              .stdout('null')
              .status({ helper })
              .then(String),
      ),
    );
    assert.equal(
      outputs,
      outputs.map((_, index) => (index % 3 === 0 ? 'ENOENT' : 'exit status: 0')),
    );
    await helper.close();
  },
  { skip: !existsSync('/usr/bin/python3') && 'python3 is not installed' },
);

test(
  'what the kernel does not tell of the bounding set is not kept for that',
  async () => {
    // In the child, before the first is dropped; and in the helper, which looks for the last.
    for (const when of [2, 20]) {
      const inject = `inject=prctl:error=EPERM:when=${when}`;
      const helper = tracedHelper(['-e', 'trace=prctl', '-e', inject]);
      const { capabilities } = await stateOf(command => command.keepCaps([]), helper);
      assert.is(capabilities.bounding, 0);
      await helper.close();
    }
  },
  { skip: isRoot ? withoutStrace : 'an ordinary user cannot drop any' },
);

test(
  'no memory for what a synchronous call hands on: it is handed on later',
  () => {
    const helper = tracedHelper(['-e', 'trace=splice', '-e', 'inject=splice:error=ENOMEM:when=1']);
    assert.is(shell('echo out').outputSync({ helper }).stdout.toString(), 'out\n');
  },
  { skip: withoutStrace },
);

test.run();
