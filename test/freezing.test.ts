import { existsSync, readFileSync, readlinkSync } from 'fs';
import * as path from 'path';
import { type Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { Controller } from './abort-controller';
import { suite } from './harness';
import { makeScratch } from './scratch';
import {
  childrenOf,
  exists,
  openInHelper,
  rejection,
  rootMaps,
  shell,
  sleep,
  startScript,
  until,
} from './support';

const test = suite('freezing');

function nothingIsLeft(): void {
  assert.equal(childrenOf(Helper.shared().pid!), []);
}

test('the process is there with namespaces and maps, and the program has not run', async () => {
  let seen: string[] = [];
  const command = shell('id -u')
    .unshare('user', 'net')
    .setIdMaps(...rootMaps())
    .beforeUnfreeze(async pid => {
      seen = [
        readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/)[0]!,
        readlinkSync(`/proc/${pid}/ns/net`),
        readlinkSync(`/proc/${pid}/exe`),
      ];
    });
  const { stdout } = await command.output();
  assert.is(stdout.toString(), '0\n');
  assert.is(seen[0], '0');
  assert.is.not(seen[1], readlinkSync('/proc/self/ns/net'));
  assert.match(seen[2]!, /unshare-helper/);
});

test('the callback may run other commands, and delays none', async () => {
  const command = shell('true').beforeUnfreeze(async () => {
    const { stdout } = await shell('echo meanwhile').output();
    assert.is(stdout.toString(), 'meanwhile\n');
  });
  assert.ok((await command.status()).success);
});

test('many at once', async () => {
  let frozen = 0;
  let open!: () => void;
  const gate = new Promise<void>(resolve => {
    open = resolve;
  });
  const statuses = Array.from({ length: 50 }, () =>
    shell('true')
      .beforeUnfreeze(() => {
        frozen += 1;
        if (frozen === 50) open();
        return gate;
      })
      .status(),
  );
  for (const status of await Promise.all(statuses)) assert.ok(status.success);
});

test('a callback that throws or rejects is the end of it, and the cause', async () => {
  for (const callback of [
    () => {
      throw new Error('no');
    },
    () => Promise.reject(new Error('no')),
  ]) {
    const error = await rejection(shell('true').beforeUnfreeze(callback).spawn());
    assert.is(error.stage, 'BeforeUnfreeze');
    assert.is((error.cause as Error).message, 'no');
    nothingIsLeft();
  }
});

test('a callback that never settles can be aborted', async () => {
  const controller = new Controller();
  const command = shell('true').beforeUnfreeze(() => {
    setTimeout(() => controller.abort(), 10);
    return new Promise(() => {});
  });
  const error = await rejection(command.spawn({ signal: controller }));
  assert.is(error.name, 'AbortError');
  nothingIsLeft();
});

test('a process that dies meanwhile is reported', async () => {
  const command = shell('true').beforeUnfreeze(pid => {
    process.kill(pid, 'SIGKILL');
    return new Promise(() => {});
  });
  const error = await rejection(command.spawn());
  assert.equal([error.stage, error.signal], ['UnknownError', 'SIGKILL']);
  nothingIsLeft();
});

test('a client that dies meanwhile takes the frozen process along, and the program never runs', async () => {
  const scratch = makeScratch();
  const ran = path.join(scratch, 'ran');
  const script = startScript(`
    (async () => {
      const pids = [];
      const freeze = command => new Promise(resolve => command.beforeUnfreeze(pid => {
        resolve(pid);
        return new Promise(() => {});
      }).spawn());
      const touch = () => new unshare.Command('/bin/sh').args(['-c', ': > ${ran}']);
      const maps = [[{ insideUid: 0, outsideUid: process.geteuid(), count: 1 }],
                    [{ insideGid: 0, outsideGid: process.getegid(), count: 1 }]];
      pids.push(await freeze(touch()));
      pids.push(await freeze(touch().unshare('user', 'pid').setIdMaps(...maps)));
      pids.push(await freeze(touch().unshare('user', 'time').setIdMaps(...maps)));
      // Nobody's death signal, so that it is the end of the helper that counts.
      pids.push(await freeze(touch().allowDaemonize()));
      console.log(JSON.stringify([unshare.Helper.shared().pid, ...pids]));
    })();`);
  const line = await new Promise<string>((resolve, reject) => {
    script.stdout.once('data', chunk => resolve(chunk.toString()));
    script.on('close', code => reject(new Error(`the script ended with ${code}`)));
  });
  const pids: number[] = JSON.parse(line);
  assert.is(pids.length, 5);
  script.kill('SIGKILL');
  await until('helper and frozen processes are gone', () => !pids.some(exists), 1000);
  assert.not(existsSync(ran));
});

test('a frozen process holds no copy of another command’s pipe', async () => {
  // The helper has this one's pipe in its hands until the client has opened it: while it makes the next process.
  const starting = shell('exec cat').stdin('piped').stdout('piped').spawn();
  const command = shell('true').beforeUnfreeze(async () => {
    const reading = await starting;
    // `cat` ends only when nobody has the writing end open any more.
    reading.stdin!.end('told');
    assert.is(await reading.stdout!.text(), 'told');
    await reading.wait();
  });
  assert.ok((await command.status()).success);
});

for (const [way, prepare] of [
  ['that was forked', (command: Command) => command.unshare('user').setIdMaps(...rootMaps())],
  ['in a new time namespace', (command: Command) => command.unshare('user', 'time').setIdMaps(...rootMaps())],
  ['in a joined namespace', (command: Command) => command.setNamespace('/proc/self/ns/uts', 'uts')],
] as const) {
  test(
    `a frozen process ${way} has nothing open but its standard streams and two pipes to the helper`,
    async () => {
      let open: string[] = [];
      const command = shell('true').beforeUnfreeze(async pid => {
        // It may be frozen before it has run at all.
        for (let tries = 0; tries < 100 && open.length !== 2; tries += 1) {
          await sleep(5);
          open = openInHelper(pid);
        }
      });
      prepare(command);
      assert.ok((await command.status()).success);
      assert.equal(open, ['pipe:[N]', 'pipe:[N]']);
    },
    { skip: process.geteuid!() !== 0 && 'only root reads what the process has open' },
  );
}

test.run();
