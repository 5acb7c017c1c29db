import { closeSync, openSync, readdirSync, readFileSync, readSync } from 'fs';
import type { Child, Command } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
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

test(
  'a tracer in the joined namespace makes nothing do its will while maps are written',
  async () => {
    const tracer = await joining(shell(`exec ${reachableFixture('tracer')} 5 40000`))
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
        if (error !== null) assert.ok(['SetIdMap', 'UnknownError'].includes(error.stage), error.message);
        else started += 1;
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

const SECRET = 'environment-of-another-command';

/** Whether the memory that a process can write to has `text` in it. */
function memoryHas(pid: number, text: string): boolean {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    return readFileSync(`/proc/${pid}/maps`, 'utf8')
      .split('\n')
      .filter(line => / rw/.test(line))
      .some(line => {
        const [start, end] = line.split(/[ -]/, 2).map(address => Number.parseInt(address, 16));
        const bytes = Buffer.alloc(end! - start!);
        const size = readSync(memory, bytes, 0, bytes.length, start!);
        return bytes.slice(0, size).includes(text);
      });
  } finally {
    closeSync(memory);
  }
}

/** A command whose holder goes on for a while after the maps are written: who is known when they are. */
async function withHolder() {
  const helper = tracedHelper(['-e', 'trace=kill', '-e', 'inject=kill:delay_enter=1500000']);
  // Several at once: each is started from memory of its own, and the helper has received them last.
  await Promise.all(Array.from({ length: 3 }, () => shell('true').env('SECRET', SECRET).status({ helper })));
  const status = nested().status({ helper });
  let joiner = 0;
  let holder = 0;
  await until('the holder has its maps', () => {
    joiner = childrenOf(helper.pid!)[0] ?? 0;
    holder = joiner === 0 ? 0 : (childrenOf(joiner)[0] ?? 0);
    return holder > 0 && /\d/.test(readFileSync(`/proc/${holder}/gid_map`, 'utf8'));
  });
  return { helper, status, joiner, holder };
}

test(
  'what can be traced while maps are written has no files, no descriptor, and nothing of other commands',
  async () => {
    const { helper, status, holder } = await withHolder();
    assert.ok(memoryHas(helper.pid!, SECRET), 'the helper has it');
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
  'what holds the namespace does not outlive who writes the maps',
  async () => {
    const { helper, status, joiner, holder } = await withHolder();
    const failure = rejection(status);
    process.kill(joiner, 'SIGKILL');
    await until('the holder is gone', () => !exists(holder));
    assert.equal([(await failure).stage, (await failure).signal], ['UnknownError', 'SIGKILL']);
    await helper.close();
  },
  { skip: withoutStrace },
);

test.run();
