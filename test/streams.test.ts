import * as assert from 'uvu/assert';
import { Command } from '../client/command/command';
import { Helper } from '../client/helper/helper';
import { InputStream, OutputStream, STREAM_WINDOW, type StreamLink } from '../client/protocol/stream';
import { suite } from './harness';
import { openInHelper, rejection, residentKib, shell, sleep } from './support';

const test = suite('streams');

/** What a stream has told its helper. */
function link(): StreamLink & { told: string[] } {
  const told: string[] = [];
  return {
    told,
    send: (data, end) => told.push(`send ${data.length}${end ? ' end' : ''}`),
    credit: size => told.push(`credit ${size}`),
    close: drain => told.push(drain ? 'drain' : 'close'),
  };
}

function collector() {
  const seen: string[] = [];
  return {
    seen,
    data: (chunk: Buffer) => seen.push(`${chunk}`),
    end: (error: Error | null) => seen.push(error === null ? 'end' : error.message),
  };
}

test('an output stream keeps what comes until somebody wants it', () => {
  const stream = new OutputStream(link());
  const consumer = collector();
  stream.take(Buffer.from('a'));
  stream.take(Buffer.from('b'));
  stream.over(null);
  assert.equal(consumer.seen, []);
  stream.flow(consumer);
  assert.equal(consumer.seen, ['a', 'b', 'end']);
});

test('an output stream is given credit for what was consumed, not for what waits', () => {
  const helper = link();
  const stream = new OutputStream(helper);
  stream.take(Buffer.alloc(STREAM_WINDOW / 2));
  assert.equal(helper.told, []);
  stream.flow(collector());
  assert.equal(helper.told, [`credit ${STREAM_WINDOW / 2}`]);
});

test('an output stream that is closed drops what comes, and tells the helper once', () => {
  const helper = link();
  const stream = new OutputStream(helper);
  const consumer = collector();
  stream.flow(consumer);
  stream.close();
  stream.close();
  stream.take(Buffer.from('late'));
  stream.over(null);
  assert.equal([helper.told, consumer.seen], [['close'], []]);
});

test('an input stream sends no more than its window, and goes on with credit', () => {
  const helper = link();
  const stream = new InputStream(helper, 0, false);
  let isWritten = false;
  stream.write(Buffer.alloc(STREAM_WINDOW + 10), () => {
    isWritten = true;
  });
  assert.is(helper.told.length, Math.ceil(STREAM_WINDOW / (24 * 1024)));
  assert.not(isWritten);
  stream.credit(100);
  assert.ok(isWritten);
  assert.is(helper.told[helper.told.length - 1], 'send 10');
});

test('an input stream whose program reads no more fails what is written, and what is written later', () => {
  const errors: (string | undefined)[] = [];
  const stream = new InputStream(link(), 0, false);
  stream.write(Buffer.alloc(STREAM_WINDOW + 1), error => errors.push(error?.message));
  stream.over(new Error('gone'));
  stream.write(Buffer.alloc(1), error => errors.push(error?.message));
  stream.end(error => errors.push(error?.message));
  assert.equal(errors, ['gone', 'gone', 'gone']);
});

test('an input stream that is closed lets go of what is being written', () => {
  const helper = link();
  const stream = new InputStream(helper, 0, false);
  let calls = 0;
  stream.write(Buffer.alloc(STREAM_WINDOW + 1), () => {
    calls += 1;
  });
  stream.close();
  stream.over(null);
  assert.equal([calls, helper.told.pop()], [1, 'close']);
});

test('what is sent with the command counts in the window', () => {
  const helper = link();
  const stream = new InputStream(helper, STREAM_WINDOW - 5, false);
  stream.write(Buffer.alloc(10), () => {});
  assert.equal(helper.told, ['send 5']);
});

test('input of every size around the limits arrives whole', async () => {
  const sizes = [
    0,
    1,
    65_535,
    65_536,
    65_537,
    STREAM_WINDOW - 1,
    STREAM_WINDOW,
    STREAM_WINDOW + 1,
    3_000_000,
  ];
  for (const size of sizes) {
    const input = Buffer.alloc(size, 'unshare streams');
    const { stdout } = await new Command('/bin/cat').output({ input });
    assert.ok(stdout.equals(input), `${size} bytes: ${stdout.length} came back`);
  }
});

test('both outputs at once, more than fits any window', async () => {
  const { stdout, stderr } = await shell(
    'head -c 3000000 /dev/zero & head -c 2000000 /dev/zero >&2; wait',
  ).output();
  assert.equal([stdout.length, stderr.length], [3_000_000, 2_000_000]);
});

test('the program has real pipes', async () => {
  const { stdout } = await shell('readlink /proc/self/fd/0 /proc/self/fd/1; echo x > /dev/stderr').output({
    input: 'a',
  });
  assert.match(`${stdout}`, /^pipe:\[\d+\]\npipe:\[\d+\]\n$/);
});

test('a program that reads none of a large input is no failure', async () => {
  const { status } = await new Command('/bin/true').output({ input: Buffer.alloc(3_000_000) });
  assert.ok(status.success);
});

test('the helper keeps no descriptor and no memory of commands that have ended', async () => {
  const helper = new Helper();
  const run = () => shell('head -c 300000 /dev/zero').output({ helper, input: Buffer.alloc(100_000) });
  await run();
  const descriptors = openInHelper(helper.pid!).length;
  for (let round = 0; round < 20; round++) await Promise.all([run(), run(), run(), run()]);
  const resident = residentKib(helper.pid!);
  for (let round = 0; round < 50; round++) await Promise.all([run(), run(), run(), run()]);
  assert.is(openInHelper(helper.pid!).length, descriptors);
  assert.ok(residentKib(helper.pid!) <= resident + 64, `${resident} → ${residentKib(helper.pid!)} KiB`);
  await helper.close();
});

test('bulk output of one command does not hold up another', async () => {
  const helper = new Helper();
  const bulk = shell('head -c 400000000 /dev/zero').output({ helper, maxBuffer: Infinity });
  await sleep(100);
  const started = Date.now();
  await new Command('/bin/true').status({ helper });
  const took = Date.now() - started;
  assert.is((await bulk).stdout.length, 400_000_000);
  // It is milliseconds; a helper that served the bulk first would take most of a second.
  assert.ok(took < 300, `${took} ms`);
  await helper.close();
});

test('what was written arrives before the end is told, however the program ends', async () => {
  for (let round = 0; round < 30; round++) {
    const { stdout, status } = await shell('echo one; echo two; kill -9 $$').output();
    assert.equal([`${stdout}`, status.signal], ['one\ntwo\n', 'SIGKILL']);
  }
});

test('a helper that dies while output comes: output rejects with stage Helper', async () => {
  const helper = new Helper();
  const output = shell('while :; do echo x; done').output({ helper, maxBuffer: Infinity });
  const failed = rejection(output);
  await sleep(100);
  process.kill(helper.pid!, 'SIGKILL');
  assert.is((await failed).stage, 'Helper');
});

test('many commands with output at once', async () => {
  const outputs = await Promise.all(
    Array.from({ length: 200 }, (_, index) => shell(`echo ${index}; head -c 20000 /dev/zero`).output()),
  );
  outputs.forEach(({ stdout }, index) => {
    assert.is(stdout.length, 20_001 + `${index}`.length);
    assert.is(stdout.toString('latin1', 0, `${index}`.length), `${index}`);
  });
});

test.run();
