import { type Child, Helper, type ReapedChild, reapZombies } from 'unshare';
import * as assert from 'uvu/assert';
import { UnclaimedDeaths } from '../client/process/unclaimed';
import { toExitStatus } from '../client/protocol/exit-status-message';
import { suite } from './harness';
import { collectGarbage, exists, runScript, shell, sleep, until } from './support';

const test = suite('reap zombies');

async function reaped(): Promise<ReapedChild[]> {
  const found: ReapedChild[] = [];
  for await (const child of reapZombies()) found.push(child);
  return found;
}

const codes = (list: ReapedChild[]) => list.map(([, status]) => status.code);

/** Waits until a child has died, and for nothing else. */
async function died({ pid }: Child): Promise<void> {
  await until('it has died', () => {
    try {
      process.kill(pid, 0);
      return false;
    } catch {
      return true;
    }
  });
}

test.before(reaped as () => Promise<unknown>);

test('what is dead and was not waited for, once, with pid, status and handle', async () => {
  const children = [await shell('exit 3').spawn(), await shell('exit 4').spawn()];
  const living = await shell('sleep 100').spawn();
  await Promise.all(children.map(died));
  const found = await reaped();
  assert.equal(
    found.map(([pid, { code }]) => [pid, code]).sort(),
    children.map(({ pid }, index) => [pid, 3 + index]).sort(),
  );
  assert.ok(found.every(({ child }) => children.includes(child!)));
  assert.equal(await reaped(), []);
  // The handle keeps the status.
  assert.is((await children[0]!.wait()).code, 3);
  await living.kill();
  await living.wait();
  assert.equal(await reaped(), []);
});

test('a child that has died right before the call is not missed', async () => {
  for (let time = 0; time < 50; time += 1) {
    const child = await shell('exit 1').spawn();
    // Without a turn of the event loop, in which it could have been told.
    while (exists(child.pid)) {}
    assert.equal(codes(await reaped()), [1]);
  }
});

test('who was waited for does not show up', async () => {
  await shell('exit 1').status();
  await shell('exit 2').output();
  const waited = await shell('exit 3').spawn();
  await waited.wait();
  const later = await shell('exit 4').spawn();
  await died(later);
  await sleep(20);
  assert.is(later.tryWait()?.code, 4);
  const again = await shell('exit 5').spawn();
  await died(again);
  await sleep(20);
  assert.is((await again.wait()).code, 5);
  assert.equal(await reaped(), []);
});

test('a wait beside it is reliable, and two of it share', async () => {
  const children = await Promise.all(Array.from({ length: 20 }, () => shell('exit 6').spawn()));
  await Promise.all(children.map(died));
  const [first, second] = await Promise.all([reaped(), reaped()]);
  assert.is(first.length + second.length, 20);
  assert.is(new Set([...first, ...second].map(([pid]) => pid)).size, 20);
  for (const child of children) assert.is((await child.wait()).code, 6);
});

test('one that is waited for in the midst of it is left out', async () => {
  const children = [await shell('exit 1').spawn(), await shell('exit 2').spawn()];
  await Promise.all(children.map(died));
  const list = reapZombies();
  const { value } = await list.next();
  const [other] = children.filter(child => child !== value.child);
  await other!.wait();
  assert.ok((await list.next()).done);
});

test('adopted orphans are there, of no child', async () => {
  const helper = new Helper({ subreaper: true });
  await shell('(sh -c "sleep 0.1; exit 5" &); exit 0').status({ helper });
  await sleep(300);
  const found = await reaped();
  assert.equal([codes(found), found[0]!.child], [[5], null]);
  await helper.close();
});

test('a helper that is lost meanwhile is no failure', async () => {
  const helper = new Helper();
  const child = await shell('sleep 100').spawn({ helper });
  child.wait().catch(() => {});
  const pending = reaped();
  process.kill(helper.pid!, 'SIGKILL');
  assert.equal(await pending, []);
  await until('it is lost', () => helper.pid === null);
});

test('without any helper it ends at once', async () => {
  const { code, stdout } = await runScript(`
    (async () => {
      for await (const child of unshare.reapZombies()) console.log(child);
      console.log('end');
    })();`);
  assert.equal([code, stdout], [0, 'end\n']);
});

test(
  'a supervisor that only reaps misses none of 10,000, and keeps nothing',
  async () => {
    const { code, stdout, stderr } = await runScript(
      `
      const gc = ${collectGarbage};
      const { Command, reapZombies, Helper } = unshare;
      const command = new Command('/bin/true').stdin('null').stdout('null').stderr('null');
      (async () => {
        const pids = [];
        let spawned = 0, running = 0, reaped = 0;
        const total = 10_000;
        const fill = async () => {
          const starting = [];
          for (; running < 16 && spawned < total; spawned += 1, running += 1) starting.push(command.spawn());
          await Promise.all(starting);
        };
        const heap = () => { gc(); return process.memoryUsage().heapUsed; };
        let before = 0;
        while (reaped < total) {
          await fill();
          for await (const [pid, status] of reapZombies()) {
            if (status.code !== 0) throw new Error(String(status));
            reaped += 1; running -= 1;
          }
          // Not before the code is warm, which takes memory as well.
          if (before === 0 && reaped > 5000) before = heap();
          await new Promise(resolve => setImmediate(resolve));
        }
        await new Promise(resolve => setTimeout(resolve, 100));
        console.log(reaped, Math.round((heap() - before) / 1024) < 500);
      })();`,
    );
    assert.equal([code, stderr, stdout], [0, '', '10000 true\n']);
  },
  { timeoutMs: 120_000 },
);

test('only so many are kept, and the oldest are dropped', () => {
  const deaths = new UnclaimedDeaths(3);
  const made = [1, 2, 3, 4, 5].map(pid => ({ pid, status: toExitStatus({}), child: () => null }));
  for (const death of made) deaths.add(death);
  assert.equal(
    deaths.list().map(({ pid }) => pid),
    [3, 4, 5],
  );
  assert.equal(
    [deaths.claim(made[0]!), deaths.claim(made[3]!), deaths.claim(made[3]!), deaths.size],
    [false, true, false, 2],
  );
});

test.run();
