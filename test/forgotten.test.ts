import * as assert from 'uvu/assert';
import { suite } from './harness';
import { collectGarbage, runScript, withoutDescriptors } from './support';

const test = suite('forgotten children');
const skip =
  withoutDescriptors ||
  (typeof FinalizationRegistry === 'undefined' && 'the runtime has no FinalizationRegistry');

/** What a client writes that can collect garbage; `count()` are its open descriptors. */
async function said(code: string): Promise<string> {
  const {
    stdout,
    stderr,
    code: exitCode,
  } = await runScript(`
    const gc = ${collectGarbage};
    const { Command, Fd } = unshare;
    const count = () => require('fs').readdirSync('/proc/self/fd').length;
    const sleep = ms => new Promise(resolve => setTimeout(resolve, ms));
    const collect = async () => { for (let time = 0; time < 10; time += 1) { gc(); await sleep(20); } };
    const shell = script => new Command('/bin/sh').args(['-c', script]);
    (async () => { ${code} })().catch(error => { console.error(error); process.exit(1); });`);
  assert.equal([stderr, exitCode], ['', 0]);
  return stdout;
}

test(
  'the pipes of children that were dropped are closed, whether anybody waited or not',
  async () => {
    const output = await said(`
      const command = shell('echo x; echo y >&2').stdin('piped').stdout('piped').stderr('piped').fileDescriptor(5, Fd.pipedWrite());
      await (await command.spawn()).wait();
      await collect();
      const before = count();
      const drop = async waits => {
        const child = await command.spawn();
        if (waits) await child.wait();
      };
      let most = 0;
      for (let time = 0; time < 50; time += 1) {
        await drop(time % 2 === 0);
        most = Math.max(most, count());
      }
      await sleep(300);
      await collect();
      // The runtime may have collected some before.
      console.log(most - before > 20, count() - before);`);
    assert.is(output, 'true 0\n');
  },
  { skip },
);

test(
  'a pipe that is still in hands stays open when the child is dropped, and what was dropped of a living child is not touched',
  async () => {
    const output = await said(`
      const take = async () => (await shell('echo kept').stdout('piped').spawn()).stdout;
      const kept = await take();
      const living = async () => { await shell('sleep 3; echo still open').stdout('piped').spawn(); };
      await living();
      await collect();
      console.log(await kept.text());
      const events = unshare.childEvents();
      const { value } = await events.next();
      console.log(await value.child.stdout.text(), String(value.status));
      await events.return();`);
    assert.is(output, 'kept\n\nstill open\n exit status: 0\n');
  },
  { skip },
);

test(
  "a descriptor that was handed over is the caller's, and not closed",
  async () => {
    const output = await said(`
      const take = async () => (await shell('echo mine').stdout('piped').spawn()).stdout.intoFd();
      const descriptor = await take();
      await collect();
      console.log(require('fs').readFileSync(descriptor, 'utf8'));`);
    assert.is(output, 'mine\n\n');
  },
  { skip },
);

test.run();
