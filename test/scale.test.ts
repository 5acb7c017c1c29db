import { spawnSync } from 'child_process';
import { readFileSync } from 'fs';
import { type Child, Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { pipeHint } from '../client/error/hint-pipe';
import { drivesPipes, runtime } from '../client/runtime';
import { find } from './doc-programs';
import { suite } from './harness';
import {
  childrenOf,
  HELPER_AT_REST,
  openInHelper,
  packageRoot,
  reachableFixture,
  rejection,
  residentKib,
  rootMaps,
  runtimePath,
  until,
} from './support';
import { helperWithout, withoutStrace } from './wrapped-helper';

const test = suite('scale');
const python = find('python3');
/** What is told of the shared helper does not hold there. */
const withoutSharedPipes = !drivesPipes() && 'here, each command with pipes has a helper of its own';

const LIVING = 5000;
const FROZEN = 2000;
/** How many of those that live are talked to at once. */
const TALKING = 500;
/** Of the client: its three ends of each command's pipes, what Bun has open besides while it writes to them, and the rest. */
const descriptorsNeeded = 3 * LIVING + 3 * TALKING + 500;
/** Far above what either takes: 0.7 MiB in the helper, and some 100 MiB more in the client. */
const helperKibMax = 4 << 10;
const clientKibMax = 400 << 10;

const command = () => new Command(reachableFixture('copy'));
const withPipes = () => command().stdin('piped').stdout('piped').stderr('piped');

/** The hard limit, to which Node raises its own. */
function descriptorLimit(): number {
  const limit = /^Max open files +\S+ +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))![1]!;
  return limit === 'unlimited' ? Number.POSITIVE_INFINITY : Number(limit);
}

async function assertAtRest(helper: Helper): Promise<void> {
  assert.equal(childrenOf(helper.pid!), []);
  await until('the helper is at rest', () => `${openInHelper(helper.pid!).sort()}` === `${HELPER_AT_REST}`);
}

/** What a command that lives says to the text that it is told; its end. */
async function converse(child: Child, text: string): Promise<void> {
  child.stdin!.end(text);
  assert.is(await child.stdout!.text(), text);
  assert.is(await child.stderr!.text(), '');
  assert.ok((await child.wait()).success);
}

test(
  '5,000 commands live at once, each with three pipes, asked for all at once',
  async () => {
    const helper = new Helper();
    const before = residentKib(process.pid);
    const children = await Promise.all(Array.from({ length: LIVING }, () => withPipes().spawn({ helper })));
    assert.is(childrenOf(helper.pid!).length, LIVING);
    assert.ok(residentKib(helper.pid!) < helperKibMax);
    assert.ok(residentKib(process.pid) - before < clientKibMax);
    for (let first = 0; first < LIVING; first += TALKING) {
      const some = children.slice(first, first + TALKING);
      await Promise.all(some.map((child, i) => converse(child, `${first + i}`)));
    }
    await assertAtRest(helper);
    await helper.close();
  },
  {
    timeoutMs: 120_000,
    skip:
      withoutSharedPipes ||
      (descriptorLimit() < descriptorsNeeded &&
        `the hard limit on open files (ulimit -Hn) is below ${descriptorsNeeded}`),
  },
);

for (const [how, prepare] of [
  ['plain', (plain: Command) => plain],
  ['with namespaces and maps', (plain: Command) => plain.unshare('user', 'uts').setIdMaps(...rootMaps())],
] as const) {
  test(
    `2,000 commands are frozen at once: ${how}`,
    async () => {
      const helper = new Helper();
      const pids = new Set<number>();
      let unfreeze!: () => void;
      const thawed = new Promise<void>(resolve => {
        unfreeze = resolve;
      });
      const freezing = () =>
        prepare(command().stdin('null')).beforeUnfreeze(pid => {
          pids.add(pid);
          return thawed;
        });
      const ended = Promise.all(Array.from({ length: FROZEN }, () => freezing().status({ helper })));
      await until('all are frozen', () => pids.size === FROZEN, 60_000);
      assert.is(childrenOf(helper.pid!).length, FROZEN);
      assert.ok(residentKib(helper.pid!) < helperKibMax);
      // The others are not held up.
      assert.ok((await command().stdin('null').status({ helper })).success);
      unfreeze();
      assert.ok((await ended).every(({ success }) => success));
      await assertAtRest(helper);
      await helper.close();
    },
    { timeoutMs: 120_000 },
  );
}

/** CAP_SYS_ADMIN and CAP_SYS_RESOURCE: for who has one of them, there are no limits on pipes (man 7 pipe). */
const privileges = (1 << 21) | (1 << 24);
const effective = /^CapEff:\s+(\w+)$/m.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;
const isPrivileged = (Number.parseInt(effective.slice(-8), 16) & privileges) !== 0;

test(
  'an ordinary user’s pipes are small past the soft limit, and root’s are not',
  async () => {
    const sizeOf = async () => {
      const code = 'import fcntl; print(fcntl.fcntl(1, 1032))';
      const { stdout } = await new Command(python!).args(['-c', code]).output();
      return Number(stdout.toString());
    };
    // 64 of them have 64 pages, and the others 16.
    const living = await Promise.all(Array.from({ length: 400 }, () => withPipes().spawn()));
    const size = await sizeOf();
    await Promise.all(living.map(child => converse(child, 'done')));
    assert.is(size, isPrivileged ? 64 << 10 : 8 << 10);
  },
  { skip: withoutSharedPipes || (python === null && 'python3 is not installed') },
);

/** What is said by a script that starts `count` commands with pipes at once, where no more than `limit` files may be open. */
function startLimited(count: number, limit: number): unknown {
  const code = `
    const { Command } = require(${JSON.stringify(packageRoot)});
    const command = () => new Command(${JSON.stringify(reachableFixture('copy'))})
      .stdin('piped').stdout('piped').stderr('piped');
    const settle = promise => promise.then(child => ({ child }), error => ({ error }));
    const isDone = ({ success }) => success;
    (async () => {
      const started = await Promise.all(Array.from({ length: ${count} }, () => settle(command().spawn())));
      const children = started.flatMap(({ child }) => child ? [child] : []);
      const errors = started.flatMap(({ error }) => error ? [error] : []);
      for (const { stdin } of children) stdin.end();
      const statuses = await Promise.all(children.map(child => child.wait()));
      console.log(JSON.stringify({
        started: children.length,
        allEnd: statuses.every(isDone),
        errors: [...new Set(errors.map(({ stage, code }) => stage + ' ' + code))],
        hints: [...new Set(errors.map(({ hint }) => hint))],
        after: isDone(await command().stdin('null').status()),
      }));
    })();`;
  const { stdout, stderr } = spawnSync(
    '/bin/sh',
    ['-c', `ulimit -n ${limit}; exec "$0" -e "$1"`, runtimePath, code],
    { encoding: 'utf8' },
  );
  assert.is(stderr, '');
  return JSON.parse(stdout);
}

test(
  'commands that are asked for at once need no higher limit on open files than their pipes in the client',
  () => {
    assert.equal(startLimited(350, 1200), {
      started: 350,
      allEnd: true,
      errors: [],
      hints: [],
      after: true,
    });
  },
  { skip: withoutSharedPipes },
);

test(
  'past the limit on open files each further command is refused, and the others live on',
  () => {
    const { started, ...rest } = startLimited(400, 1000) as { started: number };
    assert.ok(started > 250 && started < 333, `${started}`);
    assert.equal(rest, {
      allEnd: true,
      errors: ['PipeError EMFILE'],
      hints: [pipeHint(24)],
      after: true,
    });
  },
  { skip: withoutSharedPipes },
);

test(
  'a pipe that needs a further descriptor to be written to says so by its error',
  () => {
    const code = `
      const { openSync } = require('fs');
      const { Command } = require(${JSON.stringify(packageRoot)});
      (async () => {
        const child = await new Command(${JSON.stringify(reachableFixture('copy'))}).stdin('piped').spawn();
        child.stdin.on('error', error => console.log(error.code));
        try { for (;;) openSync('/dev/null'); } catch { child.stdin.write('text'); }
        await child.wait();
      })();`;
    const { stdout, stderr } = spawnSync(
      '/bin/sh',
      ['-c', 'ulimit -n 100; exec "$0" -e "$1"', runtimePath, code],
      { encoding: 'utf8' },
    );
    assert.equal([stdout, stderr], ['EMFILE\n', '']);
  },
  { skip: runtime !== 'bun' && 'only Bun does' },
);

test(
  'past the hard limit on pipes the command is refused with what that limit is called',
  async () => {
    const helper = helperWithout('pipe2', 'ENFILE');
    const error = await rejection(withPipes().spawn({ helper }));
    assert.equal([error.stage, error.code], ['CreatePipe', 'ENFILE']);
    assert.is(error.hint, pipeHint(23));
    assert.match(pipeHint(23, () => '4096')!, '4096 pages in all (fs.pipe-user-pages-hard)');
    assert.match(pipeHint(23, () => '0')!, 'fs.file-max');
    await helper.close();
  },
  { skip: withoutSharedPipes || withoutStrace },
);

test.run();
