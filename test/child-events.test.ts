import { readFileSync } from 'fs';
import * as path from 'path';
import { type Child, type ChildEvent, childEvents, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { Controller } from './abort-controller';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { childrenOf, rootMaps, runScript, shell, sleep, until } from './support';

const test = suite('child events');

/** An event in short. */
function shown(event: ChildEvent): string {
  switch (event.type) {
    case 'death':
      return `death ${event.status}`;
    case 'stop':
      return `stop ${event.signal}`;
    case 'continue':
      return 'continue';
  }
}

/** The next events of one child, and of nobody else. */
async function next(events: AsyncIterableIterator<ChildEvent>, count: number, child?: Child | null) {
  const taken: ChildEvent[] = [];
  while (taken.length < count) {
    const { value, done } = await events.next();
    if (done) throw new Error('it has ended');
    if (child === undefined || value.child === child) taken.push(value);
  }
  return taken;
}

test('stop, continue and death, in order, with the handle and the pid', async () => {
  const events = childEvents();
  const child = await shell('sleep 100').spawn();
  await child.signal('SIGSTOP');
  const [stop] = await next(events, 1, child);
  await child.signal('SIGCONT');
  const [goesOn] = await next(events, 1, child);
  await child.signal('SIGTERM');
  const [death] = await next(events, 1, child);
  assert.equal(
    [stop, goesOn, death].map(event => shown(event!)),
    ['stop SIGSTOP', 'continue', 'death signal: 15 (SIGTERM)'],
  );
  for (const event of [stop, goesOn, death])
    assert.equal([event!.child === child, event!.pid], [true, child.pid]);
  assert.is(await child.wait(), (death as { status: unknown }).status);
  await events.return!();
});

test('a program that stops itself, and one that is stopped from outside', async () => {
  const events = childEvents();
  const itself = await shell('kill -STOP $$; sleep 0.1; exit 3').spawn();
  assert.is(shown((await next(events, 1, itself))[0]!), 'stop SIGSTOP');
  process.kill(itself.pid, 'SIGCONT');
  assert.equal((await next(events, 2, itself)).map(shown), ['continue', 'death exit status: 3']);
  await events.return!();
});

test('a program that is stopped at its very start', async () => {
  const events = childEvents();
  for (let time = 0; time < 20; time += 1) {
    const child = await shell('kill -STOP $$; sleep 0.05').spawn();
    assert.is(shown((await next(events, 1, child))[0]!), 'stop SIGSTOP');
    await child.signal('SIGCONT');
    assert.equal((await next(events, 2, child)).map(shown), ['continue', 'death exit status: 0']);
  }
  await events.return!();
});

test('of status() and output() as well, and of a child whose handle was dropped', async () => {
  const events = childEvents();
  await shell('exit 4').status();
  await shell('exit 5').output();
  await shell('exit 6').spawn();
  const deaths = await next(events, 3);
  assert.equal(deaths.map(shown), ['death exit status: 4', 'death exit status: 5', 'death exit status: 6']);
  assert.ok(deaths.every(({ child, pid }) => child?.pid === pid));
  await events.return!();
});

test('every iterator gets all events, in the same order, however slow it is', async () => {
  const [early, slow] = [childEvents(), childEvents()];
  const helpers = [new Helper(), new Helper()];
  const children = await Promise.all(
    Array.from({ length: 200 }, (_, index) =>
      shell(`exit ${index % 100}`).spawn({ helper: helpers[index % 2]! }),
    ),
  );
  const pids = new Set(children.map(({ pid }) => pid));
  const seen: ChildEvent[] = [];
  while (seen.length < 200) {
    const [event] = await next(early, 1);
    if (pids.has(event!.pid)) seen.push(event!);
  }
  const late: ChildEvent[] = [];
  while (late.length < 200) {
    const [event] = await next(slow, 1);
    if (pids.has(event!.pid)) late.push(event!);
  }
  assert.ok(seen.every((event, index) => event === late[index]));
  assert.is(new Set(seen.map(({ child }) => child)).size, 200);
  await Promise.all([early.return!(), slow.return!(), ...helpers.map(helper => helper.close())]);
});

test('events count from the call on', async () => {
  const before = await shell('exit 1').spawn();
  await before.wait();
  const events = childEvents();
  const after = await shell('exit 2').spawn();
  await after.wait();
  assert.is((await next(events, 1))[0]!.child, after);
  await events.return!();
});

test('several next() at once are answered in order', async () => {
  const events = childEvents();
  const pending = [events.next(), events.next(), events.next()];
  await shell('exit 1').status();
  await shell('exit 2').status();
  await shell('exit 3').status();
  const results = await Promise.all(pending);
  assert.equal(
    results.map(({ value }) => shown(value)),
    ['death exit status: 1', 'death exit status: 2', 'death exit status: 3'],
  );
  await events.return!();
});

test('leaving the loop ends it', async () => {
  const events = childEvents();
  setTimeout(() => shell('true').status(), 20);
  for await (const event of events) {
    assert.is(event.type, 'death');
    break;
  }
  assert.equal(await events.next(), { done: true, value: undefined });
  await shell('true').status();
  assert.equal(await events.next(), { done: true, value: undefined });
});

test('an abort ends it, also where it waits, and leaves no listener', async () => {
  const controller = new Controller();
  const signal = controller;
  const [waiting, full, left] = [childEvents({ signal }), childEvents({ signal }), childEvents({ signal })];
  await left.return!();
  const pending = waiting.next();
  assert.is(controller.listeners, 1);
  await shell('true').status();
  assert.is((await pending).done, false);
  const ending = waiting.next();
  controller.abort();
  assert.equal([(await ending).done, (await full.next()).done, controller.listeners], [true, true, 0]);
  assert.ok((await childEvents({ signal }).next()).done);
  assert.is(controller.listeners, 0);
  assert.throws(() => childEvents({ signal: 5 as never }), /options\.signal/);
});

test('a command that is ended before its spawn resolves gives no event', async () => {
  const events = childEvents();
  await shell('true')
    .beforeUnfreeze(() => {
      throw new Error('no');
    })
    .spawn()
    .catch(() => {});
  await shell('exit 9').status();
  assert.is(shown((await next(events, 1))[0]!), 'death exit status: 9');
  await events.return!();
});

const listening = `
  (async () => {
    for await (const { type } of unshare.childEvents()) console.log(type);
  })();`;

test("while it is open, a child that was unref'd keeps the event loop alive; without one, it does not", async () => {
  const { code, stdout, durationMs } = await runScript(`
    ${listening}
    (async () => {
      const child = await new unshare.Command('/bin/sleep').arg('0.5').spawn();
      child.unref();
      process.on('exit', () => console.log('exit'));
    })();`);
  assert.equal([code, stdout], [0, 'death\nexit\n']);
  assert.ok(durationMs > 500 && durationMs < 10_000);
});

test("opened after the child was unref'd, it keeps it alive as well; closed, it does not", async () => {
  const { stdout } = await runScript(`
    (async () => {
      const child = await new unshare.Command('/bin/sleep').arg('0.5').spawn();
      child.unref();
      ${listening}
    })();`);
  assert.is(stdout, 'death\n');
  const closed = await runScript(`
    (async () => {
      const events = unshare.childEvents();
      const child = await new unshare.Command('/bin/sleep').arg('100').spawn();
      child.unref();
      await events.return();
      process.on('exit', () => console.log('exit'));
    })();`);
  assert.is(closed.stdout, 'exit\n');
  assert.ok(closed.durationMs < 10_000);
});

for (const subreaper of [true, false]) {
  test(`orphans ${subreaper ? 'are told of with' : 'are not, without'} subreaper`, async () => {
    const helper = new Helper({ subreaper });
    const events = childEvents();
    // Without a pipe, which takes a helper of its own on some runtimes.
    const file = path.join(makeScratch(), 'pid');
    const child = await shell('sh -c "sleep 0.3; exit 3" & echo $! > "$0"').arg(file).spawn({ helper });
    assert.is(shown((await next(events, 1, child))[0]!), 'death exit status: 0');
    const orphan = Number(readFileSync(file));
    process.kill(orphan, 'SIGSTOP');
    await sleep(100);
    process.kill(orphan, 'SIGCONT');
    await sleep(500);
    // And one of its own, after all that could come.
    await shell('exit 7').status({ helper });
    const seen: string[] = [];
    for (let at = ''; at !== 'death exit status: 7'; seen.push(at)) {
      const [event] = await next(events, 1);
      at = shown(event!);
      if (event!.child === null) assert.is(event!.pid, orphan);
    }
    const ofOrphan = subreaper ? ['stop SIGSTOP', 'continue', 'death exit status: 3'] : [];
    assert.equal(seen, [...ofOrphan, 'death exit status: 7']);
    await events.return!();
    await helper.close();
  });
}

test('orphans beside commands that join namespaces, whose processes nobody knows at first', async () => {
  const helper = new Helper({ subreaper: true });
  const events = childEvents();
  const joining = () =>
    shell('exit 0')
      .unshare('user', 'time')
      .setIdMaps(...rootMaps());
  const all: Promise<unknown>[] = [];
  for (let time = 0; time < 30; time += 1) {
    all.push(shell('(sh -c "exit 5" &); exit 0').status({ helper }), joining().status({ helper }));
  }
  await Promise.all(all);
  // Orphans do not.
  const keepAlive = setInterval(() => {}, 1000);
  let [orphans, children] = [0, 0];
  while (orphans < 30 || children < 60) {
    const [event] = await next(events, 1);
    assert.is(event!.type, 'death');
    if (event!.child === null) orphans += 1;
    else children += 1;
  }
  clearInterval(keepAlive);
  assert.equal([orphans, children], [30, 60]);
  await events.return!();
  await helper.close();
});

test('subreaper is a boolean', () => {
  assert.throws(() => new Helper({ subreaper: 1 as never }), /subreaper must be a boolean/);
});

test('no zombie is left', async () => {
  const helper = new Helper({ subreaper: true });
  await shell('(sleep 0.1 &) ; exit 0').status({ helper });
  await until('it is reaped', () => childrenOf(helper.pid!).length === 0);
  await sleep(10);
  await helper.close();
});

test.run();
