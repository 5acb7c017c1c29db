import { existsSync, readdirSync, readFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import type { Child, Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { memoryHas } from './memory';
import { makeScratch } from './scratch';
import {
  childrenOf,
  descriptorsOf,
  exists,
  reachableFixture,
  rejection,
  rootMaps,
  shell,
  until,
} from './support';
import { tracedHelper, withoutStrace } from './wrapped-helper';

/** What whoever has all capabilities in a joined user namespace can do to a command that joins it, until execve. */
const test = suite('tracing');

let target: Child;

test.before(async () => {
  target = await shell('exec sleep 1000')
    .unshare('user')
    .setIdMaps(...rootMaps())
    .spawn();
});
test.after(async () => {
  await target.kill();
  await target.wait();
});

function joining(command: Command): Command {
  return command.setNamespace({ pid: target.pid }, 'user');
}

/** In a user namespace inside the joined one. */
function nested(): Command {
  return joining(shell('true')).setIdMaps(
    [{ insideUid: 0, outsideUid: 0, count: 1 }],
    [{ insideGid: 0, outsideGid: 0, count: 1 }],
  );
}

/** Asks, from inside the joined user namespace and with all capabilities there, for what only a tracer may see. */
async function tracedFromInside(pid: number): Promise<string> {
  const { stdout } = await joining(
    shell(`readlink /proc/${pid}/exe >/dev/null && echo traced || echo refused`),
  )
    .stderr('null')
    .output();
  return stdout.toString().trim();
}

test('nobody in the joined namespace can trace what joins, with maps and without', async () => {
  for (const command of [joining(shell('true')), nested()]) {
    let seen = '';
    await command
      .beforeUnfreeze(async pid => {
        seen = await tracedFromInside(pid);
      })
      .status();
    assert.is(seen, 'refused');
  }
  assert.is(await tracedFromInside(target.pid), 'traced');
});

// A filter that does not look at the architecture takes one's numbers for the other's.
for (const calls of ['native', 'i386'] as const) {
  test(
    `a tracer in the joined namespace makes nothing do its will while maps are written: calls are ${calls}`,
    async () => {
      const tracer = await joining(shell(`exec ${reachableFixture('tracer')} 5 40000 ${calls}`))
        .stdout('piped')
        .spawn();
      let ended = false;
      const result = tracer.wait().finally(() => {
        ended = true;
      });
      let started = 0;
      const start = async () => {
        while (!ended) {
          // What the tracer has caught is dead, or about to be, and so is its command.
          const error = await nested()
            .status()
            .then(
              () => null,
              reason => reason,
            );
          if (error === null) started += 1;
          else assert.ok(['SetIdMap', 'UnknownError'].includes(error.stage), error.message);
        }
      };
      // Many at once, so that they wait for each other, and the tracer has its turn meanwhile.
      await Promise.all(Array.from({ length: 16 }, start));
      assert.is((await result).code, 0);
      const chunks: Buffer[] = [];
      for await (const chunk of tracer.stdout!) chunks.push(chunk as Buffer);
      const lines = Buffer.concat(chunks).toString().split('\n').slice(0, -1);
      assert.ok(started > 0);
      assert.ok(lines.length > 0, 'it has caught something');
      assert.equal(
        lines.filter(line => line !== 'killed'),
        [],
      );
    },
    { skip: process.arch !== 'x64' && 'the tracer knows the registers of x86-64 only' },
  );
}

const SECRET = 'environment-of-another-command';

/** A helper that waits a while before it ends a process, with other faults. */
function slowHelper(faults: string[] = []): Helper {
  return tracedHelper([
    ...['-e', 'trace=kill,prctl,close_range', '-e', 'inject=kill:delay_enter=1500000'],
    ...faults.flatMap(fault => ['-e', `inject=${fault}`]),
  ]);
}

/** A command whose holder goes on for a while after the maps are written: who is known when they are. */
async function withHolder(helper: Helper, command = nested()) {
  const status = command.status({ helper });
  let joiner = 0;
  let holder = 0;
  await until('the holder has its maps', () => {
    [joiner, holder] = processesOf(helper);
    return holder > 0 && /\d/.test(readFileSync(`/proc/${holder}/gid_map`, 'utf8'));
  });
  return { status, joiner, holder };
}

/** Joiner and holder of the only command, or 0. */
function processesOf(helper: Helper): [joiner: number, holder: number] {
  const joiner = childrenOf(helper.pid!)[0] ?? 0;
  return [joiner, joiner === 0 ? 0 : (childrenOf(joiner)[0] ?? 0)];
}

/** Several at once: each is started from memory of its own, and the helper has received them last. */
async function runSecretCommands(helper: Helper): Promise<void> {
  const plain = Array.from({ length: 3 }, () => shell('true').env('SECRET', SECRET).status({ helper }));
  await Promise.all(plain);
}

test(
  'what can be traced while maps are written has no files, no descriptor, and nothing of other commands',
  async () => {
    const helper = slowHelper();
    await runSecretCommands(helper);
    assert.ok(memoryHas(helper.pid!, SECRET), 'the helper has it');
    const { status, holder } = await withHolder(helper);
    for (const way of ['', '..', '../../..']) assert.equal(readdirSync(`/proc/${holder}/root/${way}`), []);
    assert.match(readFileSync(`/proc/${holder}/mountinfo`, 'utf8'), /^[^\n]+ - tmpfs [^\n]+\n$/);
    assert.equal(readdirSync(`/proc/${holder}/cwd/`), []);
    assert.is(descriptorsOf(holder).size, 0);
    assert.not.ok(memoryHas(holder, SECRET));
    assert.ok((await status).success);
    assert.not.ok(exists(holder));
    await helper.close();
  },
  { skip: withoutStrace },
);

test(
  'nor has it what a map command of another one wrote',
  async () => {
    const helper = slowHelper();
    const script = path.join(makeScratch(), 'script');
    writeFileSync(script, `#!/bin/sh\necho ${SECRET} >&2\nexit 1\n`, { mode: 0o755 });
    const failing = shell('true')
      .unshare('user')
      .setIdMaps(...rootMaps())
      .setIdMapCommands(script, script);
    assert.is((await rejection(failing.status({ helper }))).stage, 'AuxCommandExited');
    assert.ok(memoryHas(helper.pid!, SECRET), 'the helper has it');
    const { status, holder } = await withHolder(helper);
    assert.not.ok(memoryHas(holder, SECRET));
    assert.ok((await status).success);
    await helper.close();
  },
  { skip: withoutStrace },
);

test(
  'it has no descriptor without close_range either, where the joined /proc lists none',
  async () => {
    const owner = await shell('mount -t tmpfs none /proc && mkdir -p /proc/self/fd && exec sleep 1000')
      .unshare('user', 'mount')
      .setIdMaps(...rootMaps())
      .spawn();
    const helper = slowHelper(['close_range:error=ENOSYS']);
    await until('its /proc is there', () => existsSync(`/proc/${owner.pid}/root/proc/self/fd`));
    const command = shell('true')
      .setNamespace({ pid: owner.pid }, 'user')
      .setNamespace({ pid: owner.pid }, 'mount')
      .setIdMaps([{ insideUid: 0, outsideUid: 0, count: 1 }], [{ insideGid: 0, outsideGid: 0, count: 1 }]);
    const { status, holder } = await withHolder(helper, command);
    assert.is(descriptorsOf(holder).size, 0);
    assert.ok((await status).success);
    await helper.close();
    await owner.kill();
    await owner.wait();
  },
  { skip: withoutStrace },
);

test(
  'once it can be looked at, it has one descriptor left: a pipe to the joiner',
  async () => {
    // The third one is what makes it dumpable.
    const helper = slowHelper(['prctl:delay_exit=300000:when=3']);
    const status = nested().status({ helper });
    let seen: string[] = [];
    await until('somebody may look', () => {
      const [, holder] = processesOf(helper);
      try {
        if (holder > 0) seen = [...descriptorsOf(holder).values()];
      } catch {
        // Not yet.
      }
      return seen.length > 0;
    });
    assert.equal(
      seen.map(link => link.replace(/\d+/, 'N')),
      ['pipe:[N]'],
    );
    assert.ok((await status).success);
    await helper.close();
  },
  { skip: withoutStrace || (process.geteuid!() === 0 && 'root looks before that as well') },
);

test(
  'what holds the namespace does not outlive who writes the maps',
  async () => {
    const helper = slowHelper();
    const { status, joiner, holder } = await withHolder(helper);
    const failure = rejection(status);
    process.kill(joiner, 'SIGKILL');
    await until('the holder is gone', () => !exists(holder));
    assert.equal([(await failure).stage, (await failure).signal], ['UnknownError', 'SIGKILL']);
    await helper.close();
  },
  { skip: withoutStrace },
);

test(
  'nor does that one outlive the helper',
  async () => {
    const helper = slowHelper();
    const { status, joiner, holder } = await withHolder(helper);
    const failure = rejection(status);
    // So that it cannot come to its end by itself.
    process.kill(joiner, 'SIGSTOP');
    process.kill(helper.pid!, 'SIGKILL');
    try {
      await until('joiner and holder are gone', () => !exists(joiner) && !exists(holder));
    } finally {
      if (exists(joiner)) process.kill(joiner, 'SIGKILL');
    }
    assert.is((await failure).stage, 'Helper');
  },
  { skip: withoutStrace },
);

test(
  'after each change of namespaces, what has joined hides again',
  async () => {
    const log = path.join(makeScratch(), 'log');
    const helper = tracedHelper(['-e', 'trace=setns,prctl'], log);
    await joining(shell('true')).status({ helper });
    await helper.close();
    const last = readFileSync(log, 'latin1').split('setns(').pop()!;
    assert.match(last, /^[^\n]*CLONE_NEWUSER[^\n]*= 0\n\d+ +prctl\(PR_SET_DUMPABLE, SUID_DUMP_DISABLE\)/);
  },
  { skip: withoutStrace },
);

test.run();
