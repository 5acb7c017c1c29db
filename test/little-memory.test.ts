import { execFileSync } from 'child_process';
import { existsSync } from 'fs';
import { Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { rejection, shell } from './support';
import { tracedHelper, withoutStrace } from './wrapped-helper';

/*
 * The helper has no memory for a command: that one fails, and nobody else notices.
 */

const test = suite('little memory');
const prlimit = '/usr/bin/prlimit';

/** One whose message takes so many bytes. */
const large = (bytes: number) => {
  const size = Math.min(bytes, 100_000);
  return new Command('/bin/true').args(Array.from({ length: bytes / size }, () => 'x'.repeat(size)));
};

async function fails(bytes: number, helper: Helper): Promise<void> {
  const error = await rejection(large(bytes).spawn({ helper }));
  assert.equal([error.stage, error.code, error.syscall], ['Limit', 'ENOMEM', 'mmap'], error.message);
}

for (const limit of [8, 16]) {
  test(
    `the address space of the helper is ${limit} MiB: a command with 40 arguments of 100 kB fails with stage Limit`,
    async () => {
      const helper = new Helper();
      const living = await shell('read line; echo "$line"').stdin('piped').stdout('piped').spawn({ helper });
      execFileSync(prlimit, ['--pid', `${helper.pid}`, `--as=${limit << 20}`]);
      const { pid } = helper;
      for (let time = 0; time < 3; time += 1) {
        const others = Array.from({ length: 5 }, () => shell('exit 3').status({ helper }));
        await fails(4_000_000, helper);
        for (const other of await Promise.all(others)) assert.is(other.code, 3);
      }
      living.stdin!.end('on\n');
      assert.is(await living.stdout!.text(), 'on\n');
      assert.ok((await living.wait()).success);
      assert.is(helper.pid, pid);
      await helper.close();
    },
    { skip: !existsSync(prlimit) && 'prlimit is not installed' },
  );
}

test(
  'no memory at all: large commands fail with stage Limit, whatever their size, and small ones run',
  async () => {
    const helper = tracedHelper(['-e', 'trace=mmap', '-e', 'inject=mmap:error=ENOMEM'], undefined, false);
    for (const bytes of [70_000, 200_000, 4_000_000]) {
      const others = Array.from({ length: 20 }, () => shell('exit 3').status({ helper }));
      await fails(bytes, helper);
      for (const other of await Promise.all(others)) assert.is(other.code, 3);
    }
    const child = await new Command('/bin/sleep').arg('60').spawn({ helper });
    await child.signal('SIGTERM');
    assert.is((await child.wait()).signal, 'SIGTERM');
    await helper.close();
  },
  { skip: withoutStrace },
);

test.run();
