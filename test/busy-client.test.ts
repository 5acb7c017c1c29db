import * as assert from 'uvu/assert';
import { suite } from './harness';
import { runScript } from './support';

const test = suite('clients that are busy, or lack globals');

test('a client that computes while commands run and helpers end dies of nothing', async () => {
  const { code, stdout, stderr } = await runScript(`
    const { Command, Helper } = unshare;
    const compute = ms => { for (const end = Date.now() + ms; Date.now() < end; ); };
    const work = setInterval(() => compute(1100), 1);
    (async () => {
      for (let round = 0; round < 3; round++) {
        const helper = new Helper();
        const outputs = await Promise.all([1, 2, 3].map(() => new Command('/bin/echo').arg('hi').output({ helper })));
        if (outputs.some(({ stdout }) => String(stdout) !== 'hi\\n')) console.log('wrong output');
        await new Command('/bin/true').status({ helper });
        if (round === 0) process.kill(helper.pid, 'SIGKILL');
        else helper.close();
      }
      clearInterval(work);
      setTimeout(() => console.log('right'), 1500);
    })();`);
  assert.equal([code, stdout, stderr], [0, 'right\n', '']);
});

test('what is missing globally is not needed', async () => {
  const { stdout, stderr } = await runScript(`
    for (const name of ['TextDecoder', 'TextEncoder', 'AbortController', 'AbortSignal', 'setImmediate'])
      delete globalThis[name];
    globalThis.setTimeout = () => 1;
    globalThis.clearTimeout = () => {};
    new unshare.Command('/bin/echo').arg('hi').output({ timeout: 50000 }).then(async ({ stdout }) => {
      console.log(String(stdout).trim(), 'TextDecoder' in globalThis);
      const command = new unshare.Command('/bin/sleep').arg('60');
      await command.output({ timeout: 50 }).catch(error => console.log(error.code));
    });`);
  assert.equal([stdout, stderr], ['hi false\nETIMEDOUT\n', '']);
});

test('another copy of the package knows the values of the first', async () => {
  const { stdout, stderr } = await runScript(
    `
    for (const name of Object.keys(require.cache)) delete require.cache[name];
    const other = require(process.env.PACKAGE);
    console.log(other.Command !== unshare.Command);
    new other.Command('/bin/sh').args(['-c', 'echo hi >&3'])
      .stdin(unshare.Stdio.null()).fileDescriptor(3, unshare.Fd.writeNull())
      .preExec([unshare.step.allowFailure(unshare.step.syscall('getpid'))]).status()
      .then(status => console.log(String(status)));
    `,
    { ...process.env, PACKAGE: require('./support').packageRoot },
  );
  assert.equal([stdout, stderr], ['true\nexit status: 0\n', '']);
});

test.run();
