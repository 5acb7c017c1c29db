import { chmodSync, chownSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite, type TestOptions } from './harness';
import { makeScratch } from './scratch';
import { packageRoot, rootMaps, runtimePath, shell } from './support';

const test = suite('supplementary groups');

const root: TestOptions = { skip: process.geteuid!() === 0 ? false : 'a client with such groups needs root' };

const DISK = 6;

/** What a client of root prints that is in the groups 0, 4 and 6; `secret` is a file of group 6. */
async function clientPrints(code: string): Promise<string> {
  const secret = path.join(makeScratch(), 'secret');
  writeFileSync(secret, 'of disk\n');
  chmodSync(secret, 0o660);
  // Not root's: it would be read by the owner.
  chownSync(secret, 1, DISK);
  chmodSync(path.dirname(secret), 0o755);
  const script = `
    const { Command, step } = require(${JSON.stringify(packageRoot)});
    const tell = command => command.output().then(({ stdout }) => process.stdout.write(stdout), error => console.log(error.message));
    const shell = () => new Command('/bin/sh').args(['-c', 'grep Groups /proc/self/status; cat ${secret} 2>/dev/null; true']);
    const mapped = () => shell().setIdMaps([{ insideUid: 0, outsideUid: 100000, count: 65536 }], [{ insideGid: 0, outsideGid: 100000, count: 65536 }]);
    (async () => {${code}})();`;
  const { stdout, stderr } = await new Command(runtimePath)
    .args(['-e', script])
    .groups([0, 4, DISK])
    .output();
  assert.is(stderr.toString(), '');
  return stdout.toString().replace(/[ \t]+\n/g, '\n');
}

for (const [what, command] of Object.entries({
  'a new user namespace with maps': 'mapped()',
  'one that maps the own id': `shell().setIdMaps([{ insideUid: 0, outsideUid: 0, count: 1 }], [{ insideGid: 0, outsideGid: 0, count: 1 }]).keepCaps([])`,
  'one inside a time namespace': `mapped().unshare('time')`,
})) {
  test(
    `${what}: the program has none of the client's`,
    async () => {
      assert.is(await clientPrints(`await tell(${command});`), 'Groups:\n');
    },
    root,
  );
}

test(
  'a joined user namespace, too',
  async () => {
    const printed = await clientPrints(`
      const container = await new Command('/bin/sleep').arg('60').unshare('pid')
        .setIdMaps([{ insideUid: 0, outsideUid: 100000, count: 65536 }], [{ insideGid: 0, outsideGid: 100000, count: 65536 }]).spawn();
      await tell(shell().setNamespace(container, 'user'));
      await container.kill();`);
    assert.is(printed, 'Groups:\n');
  },
  root,
);

test(
  'groups() is what it is then',
  async () => {
    assert.is(await clientPrints('await tell(mapped().groups([5, 7]));'), 'Groups:\t5 7\n');
  },
  root,
);

test(
  "without another user namespace or id, they stay, unless the runtime has dropped root's",
  async () => {
    assert.is(
      (await clientPrints(`await tell(shell().unshare('pid').keepCaps([]));`)).trim(),
      // Deno starts every process of root without supplementary groups.
      runtime === 'deno' ? 'Groups:' : 'Groups:\t0 4 6\nof disk',
    );
  },
  root,
);

test('where setgroups is denied, the command runs with what it has', async () => {
  const { stdout } = await shell('cat /proc/self/setgroups')
    .unshare('user')
    .setIdMaps(...rootMaps())
    .output();
  assert.is(stdout.toString(), root.skip === false ? 'allow\n' : 'deny\n');
});

test.run();
