import { Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { drivesPipes } from '../client/runtime';
import { suite } from './harness';
import {
  childrenOf,
  descriptorsOf,
  exists,
  fixture,
  rejection,
  residentKib,
  runScript,
  shell,
  sleep,
  startScript,
  until,
} from './support';

const test = suite('lifetimes');

/** Numbers that a script prints in one line, while it runs. */
function firstLine(script: ReturnType<typeof startScript>): Promise<number[]> {
  return new Promise((resolve, reject) => {
    let text = '';
    script.stdout.on('data', chunk => {
      text += chunk;
      const end = text.indexOf('\n');
      if (end >= 0) resolve(JSON.parse(text.slice(0, end)));
    });
    script.on('close', code => reject(new Error(`the script ended with ${code}`)));
  });
}

test('a client that is killed takes helper and children along, but not daemonized ones', async () => {
  const script = startScript(`
    (async () => {
      const sleeper = () => new unshare.Command('/bin/sleep').arg('60').stdin('null').stdout('null').stderr('null');
      const children = await Promise.all(Array.from({ length: 50 }, () => sleeper().spawn()));
      const daemon = await sleeper().allowDaemonize().spawn();
      console.log(JSON.stringify([daemon.pid, unshare.Helper.shared().pid, ...children.map(child => child.pid)]));
    })();`);
  const [daemon, ...others] = await firstLine(script);
  assert.is(others.length, 51);
  script.kill('SIGKILL');
  await until('helper and children are gone', () => !others.some(exists), 1000);
  assert.ok(exists(daemon!));
  process.kill(daemon!, 'SIGKILL');
});

test('the death signal holds in a user namespace and after a change of ids', async () => {
  const script = startScript(`
    (async () => {
      const maps = [[{ insideUid: 0, outsideUid: process.geteuid(), count: 1 }],
                    [{ insideGid: 0, outsideGid: process.getegid(), count: 1 }]];
      const sleeper = () => new unshare.Command('/bin/sleep').arg('60').stdin('null').stdout('null').stderr('null');
      const changing = process.geteuid() === 0 ? sleeper().uid(61235).gid(61235) : sleeper().uid(process.geteuid());
      const children = [await sleeper().setIdMaps(...maps).spawn(), await changing.spawn()];
      console.log(JSON.stringify(children.map(child => child.pid)));
    })();`);
  const children = await firstLine(script);
  script.kill('SIGKILL');
  await until('the children are gone', () => !children.some(exists), 1000);
});

test('the death signal is the one that was asked for', async () => {
  const script = startScript(`
    (async () => {
      const child = await new unshare.Command('/bin/sh')
        .args(['-c', 'trap "exit 0" TERM; echo ready; while :; do sleep 0.01; done'])
        .setParentDeathSignal('SIGTERM').stdin('null').stdout('piped').spawn();
      child.stdout.once('data', () => console.log(JSON.stringify([child.pid])));
    })();`);
  const [child] = await firstLine(script);
  script.kill('SIGKILL');
  await until('the child is gone', () => !exists(child!), 1000);
});

test('a helper that is killed under 50 commands: every promise settles, and the next command works', async () => {
  const helper = new Helper();
  const running = await Promise.all(Array.from({ length: 25 }, () => shell('sleep 60').spawn({ helper })));
  const pid = helper.pid!;
  const waits = running.map(child => rejection(child.wait()));
  const starting = Array.from({ length: 25 }, () =>
    shell('sleep 60')
      .unshare('user')
      .status({ helper })
      .catch(error => error),
  );
  process.kill(pid, 'SIGKILL');
  for (const error of await Promise.all([...waits, ...starting])) {
    assert.is(error.stage, 'Helper');
    assert.match(error.message, 'SIGKILL');
  }
  const after = await rejection(running[0]!.signal('SIGTERM'));
  assert.is(after.stage, 'Helper');
  await until('the children are gone', () => !running.some(child => exists(child.pid)));
  assert.ok((await shell('true').status({ helper })).success);
  assert.is.not(helper.pid, pid);
  await helper.close();
});

test('close() ends the helper and what it runs', async () => {
  const helper = new Helper();
  const child = await shell('sleep 60').spawn({ helper });
  const pid = helper.pid!;
  const waiting = rejection(child.wait());
  await helper.close();
  assert.is((await waiting).stage, 'Helper');
  await until('helper and child are gone', () => !exists(pid) && !exists(child.pid));
  const refused = await rejection(shell('true').status({ helper }));
  assert.is(refused.stage, 'Helper');
  assert.match(refused.message, 'closed');
});

for (const [what, code] of Object.entries({
  'nothing was spawned': '',
  'all children were awaited': `unshare.Command && new unshare.Command('/bin/true').status();`,
  'the output was awaited': `new unshare.Command('/bin/echo').arg('x').output();`,
  'the spawn failed': `new unshare.Command('/nowhere').spawn().catch(() => {});`,
  'a child was unreferenced': `new unshare.Command('/bin/sleep').arg('60').stdin('null').stdout('null').stderr('null')
      .spawn().then(child => child.unref());`,
  'a signal was sent': `new unshare.Command('/bin/sleep').arg('60').spawn().then(child => child.kill());`,
  'the helper was closed': `const helper = new unshare.Helper();
    new unshare.Command('/bin/true').status({ helper }).then(() => helper.close());`,
  'the helper was closed under a child': `const helper = new unshare.Helper();
    new unshare.Command('/bin/sleep').arg('60').spawn({ helper }).then(child => {
      child.wait().catch(() => {});
      return helper.close();
    });`,
  'an iterator of events is open': `unshare.childEvents().next(); new unshare.Command('/bin/true').status();`,
  'a synchronous call has ended': `new unshare.Command('/bin/true').outputSync();`,
  'zombies were reaped': `new unshare.Command('/bin/true').status().then(() => unshare.reapZombies().next());`,
  'a pipe was never touched': `new unshare.Command('/bin/true').stdout('piped').stdin('piped').spawn();`,
})) {
  test(`a script ends by itself, promptly: ${what}`, async () => {
    // On a busy machine, loading the package alone takes seconds.
    const { durationMs: loadingMs } = await runScript('');
    const { code: exitCode, durationMs, stderr } = await runScript(code);
    assert.is(stderr, '');
    assert.is(exitCode, 0);
    const limitMs = 2000 + 5 * loadingMs;
    assert.ok(durationMs < limitMs, `it took ${durationMs} ms; loading takes ${loadingMs} ms`);
  });
}

test('an uncaught exception ends client, helper and children', async () => {
  const { stdout, stderr, code } = await runScript(`
    new unshare.Command('/bin/sleep').arg('60').stdin('null').stdout('null').stderr('null').spawn().then(child => {
      console.log(JSON.stringify([child.pid, unshare.Helper.shared().pid]));
      setImmediate(() => { throw new Error('not caught'); });
    });`);
  assert.is(code, 1);
  assert.match(stderr, 'not caught');
  const pids: number[] = JSON.parse(stdout);
  await until('helper and child are gone', () => !pids.some(exists));
});

test('a changed directory and environment reach the next command, and a running one keeps its own', async () => {
  const { stdout } = await runScript(`
    const show = () => new unshare.Command('/bin/sh').args(['-c', 'sleep 0.1; pwd; echo $CHANGED']).output();
    process.env.CHANGED = 'before';
    process.chdir('/proc');
    const first = show();
    process.env.CHANGED = 'after';
    process.chdir('/sys');
    Promise.all([first, show()]).then(all => console.log(all.map(({ stdout }) => String(stdout)).join('')));`);
  assert.is(stdout, '/proc\nbefore\n/sys\nafter\n\n');
});

test('a client that is stopped for a while loses nothing', async () => {
  const script = startScript(`
    const events = unshare.childEvents();
    (async () => {
      const command = new unshare.Command('/bin/sh').args(['-c', 'sleep 0.4; exit 5']).stdin('null');
      const children = await Promise.all(Array.from({ length: 30 }, () => command.spawn()));
      const busy = await new unshare.Command('/bin/sh')
        .args(['-c', 'sleep 0.2; for i in 1 2 3 4 5 6 7 8; do kill -STOP $$; done; exit 6']).spawn();
      console.log(JSON.stringify([busy.pid]));
      let deaths = 0;
      for await (const { type, status } of events) {
        if (type === 'death') deaths += 1;
        if (type === 'stop') await busy.signal('SIGCONT');
        if (deaths === 31) break;
      }
      const codes = new Set((await Promise.all(children.map(child => child.wait()))).map(({ code }) => code));
      console.log(JSON.stringify([deaths, ...codes, (await busy.wait()).code]));
    })();`);
  await firstLine(script);
  // Deno's `kill` method takes every signal for the end.
  process.kill(script.pid!, 'SIGSTOP');
  await sleep(1000);
  const rest = new Promise<string>(resolve => script.stdout.once('data', chunk => resolve(String(chunk))));
  process.kill(script.pid!, 'SIGCONT');
  assert.is(await rest, '[31,5,6]\n');
});

test('a live child keeps the script alive, and ref() after unref() does so again', async () => {
  const { stdout } = await runScript(`
    new unshare.Command('/bin/sleep').arg('0.3').spawn().then(child => {
      child.unref();
      child.ref();
      child.wait().then(status => console.log(String(status)));
    });`);
  assert.is(stdout, 'exit status: 0\n');
});

test('process.exit in the middle ends helper and children', async () => {
  const { stdout } = await runScript(`
    new unshare.Command('/bin/sleep').arg('60').stdin('null').stdout('null').stderr('null').spawn().then(child => {
      console.log(JSON.stringify([child.pid, unshare.Helper.shared().pid]));
      process.exit();
    });`);
  const pids: number[] = JSON.parse(stdout);
  await until('helper and child are gone', () => !pids.some(exists));
});

test('a program that ends at once has its pid all the same', async () => {
  const command = new Command(fixture('exit')).stdin('null').stdout('null').stderr('null');
  for (let time = 0; time < 300; time += 1) {
    const children = await Promise.all(Array.from({ length: 10 }, () => command.spawn()));
    assert.ok(children.every(({ pid }) => pid > 1));
    await Promise.all(children.map(child => child.wait()));
  }
});

test('a signal reaches the program, and none is sent after its end', async () => {
  const child = await new Command('/bin/sleep').arg('60').spawn();
  await child.signal('SIGTERM');
  assert.is((await child.wait()).signal, 'SIGTERM');
  assert.is((await rejection(child.signal('SIGTERM'))).code, 'ESRCH');
  assert.is((await rejection(child.kill())).code, 'ESRCH');
});

test('wait() gives the same answer however often, and tryWait() null before it', async () => {
  const child = await new Command('/bin/sleep').arg('0.1').spawn();
  assert.is(child.tryWait(), null);
  const [first, second] = await Promise.all([child.wait(), child.wait()]);
  assert.is(first, second);
  assert.is(await child.wait(), first);
  assert.is(child.tryWait(), first);
});

test(
  'ten thousand commands, 16 at once, leave nothing behind in the helper',
  async () => {
    const helper = new Helper();
    const run = async (count: number) => {
      let left = count;
      await Promise.all(
        Array.from({ length: 16 }, async () => {
          while (left > 0) {
            left -= 1;
            const command = new Command(fixture('exit'))
              .arg('7')
              .stdout(drivesPipes() ? 'piped' : 'null')
              .stderr('null');
            const { status } = await command.output({ helper });
            assert.is(status.code, 7);
          }
        }),
      );
    };
    await run(200);
    const before = await quiet(helper.pid!);
    await run(10_000);
    const after = await quiet(helper.pid!);
    assert.equal(after.descriptors, before.descriptors);
    assert.equal(after.children, []);
    assert.ok(
      after.resident - before.resident <= 64,
      `resident: ${before.resident} KiB, then ${after.resident} KiB`,
    );
    await helper.close();
  },
  { timeoutMs: 180_000 },
);

async function quiet(pid: number) {
  await sleep(100);
  return {
    descriptors: [...descriptorsOf(pid).keys()],
    children: childrenOf(pid),
    resident: residentKib(pid),
  };
}

test.run();
