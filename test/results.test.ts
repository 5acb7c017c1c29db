import { Command, ExitError, Style } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { rejection, shell } from './support';

const test = suite('results');

const failure = async (promise: Promise<unknown>) => (await rejection(promise)) as unknown as ExitError;

test('the arguments of the constructor come first', async () => {
  const command = new Command('/bin/echo', new Set(['a', Buffer.from('b')])).arg('c');
  assert.is((await command.output()).text(), 'a b c\n');
  assert.throws(() => new Command('/bin/echo', 'text' as never), TypeError);
});

test('check: a failure rejects with an ExitError that has everything', async () => {
  const command = shell('echo out; echo first >&2; printf "last\\033[31m\\n" >&2; exit 3');
  const error = await failure(command.output({ check: true }));
  assert.instance(error, ExitError);
  assert.equal([error.name, `${error.status}`, `${error.stdout}`], ['ExitError', 'exit status: 3', 'out\n']);
  assert.is(error.stderr.toString(), 'first\nlast\x1b[31m\n');
  assert.is(error.command, `${command.display(Style.short())}`);
  assert.is(error.message, `${error.command} failed with exit status: 3; its last words: "last\\u001b[31m"`);
});

test('check: signals, status, and the synchronous calls', async () => {
  const killed = await failure(shell('kill -9 $$').status({ check: true }));
  assert.is(killed.message, '"sh" "-c" "kill -9 $$" failed with signal: 9 (SIGKILL)');
  assert.equal([killed.stdout.length, killed.stderr.length], [0, 0]);
  assert.ok((await shell('').status({ check: true })).success);
  assert.not((await shell('exit 1').status({ check: false })).success);
  const thrown = (run: () => unknown) => {
    try {
      run();
    } catch (error) {
      return error as ExitError;
    }
    throw new Error('it did not throw');
  };
  assert.is(thrown(() => shell('exit 4').statusSync({ check: true })).status.code, 4);
  const error = thrown(() => shell('echo x; exit 5').outputSync({ check: true, encoding: 'utf8' }));
  assert.equal([error.status.code, error.stdout], [5, 'x\n']);
});

test('encoding: strings, in errors too', async () => {
  const { stdout, stderr } = await shell('printf é; printf x >&2').output({ encoding: 'latin1' });
  assert.equal([stdout, stderr], ['Ã©', 'x']);
  assert.is((await shell('printf x').output({ encoding: 'hex' })).text(), '78');
  assert.ok(Buffer.isBuffer((await shell('').output({ encoding: 'buffer' })).stdout));
  const late = await rejection(shell('echo x; exec sleep 100').output({ encoding: 'utf8', timeout: 300 }));
  assert.equal([late.code, (late as unknown as { stdout: string }).stdout], ['ETIMEDOUT', 'x\n']);
  const large = await rejection(shell('echo 1234').output({ encoding: 'utf8', maxBuffer: 2 }));
  assert.is((large as unknown as { stdout: string }).stdout, '12');
  const error = await rejection(shell('').output({ encoding: 'klingon' as never }));
  assert.instance(error, TypeError);
});

test('text, lines and json of an output', async () => {
  const output = await shell(`printf '{"a": "é"}\\r\\n'`).output();
  assert.is(output.text(), '{"a": "é"}\r\n');
  assert.equal(output.lines(), ['{"a": "é"}']);
  assert.equal(output.json<{ a: string }>().a, 'é');
  assert.throws(() => shell('echo x').outputSync().json(), SyntaxError);
});

test('durationMs is the time of the whole call', async () => {
  const { durationMs } = await shell('sleep 0.2').output();
  assert.ok(durationMs >= 200 && durationMs < 60_000, `${durationMs}`);
  assert.ok(shell('sleep 0.2').outputSync().durationMs >= 200);
});

test('options that are none are TypeErrors', async () => {
  for (const options of [{ check: 1 }, { killGroup: 'yes' }]) {
    assert.instance(await rejection(shell('').output(options as never)), TypeError);
    assert.throws(() => shell('').statusSync(options as never), TypeError);
  }
});

test.run();
