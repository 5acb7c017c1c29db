import { createHash } from 'crypto';
import { closeSync, fstatSync, readSync } from 'fs';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { descriptorsOf, fixture, shell, sleep, until, withoutDescriptors } from './support';

const test = suite('pipes');

test(
  '200 MB go through cat unchanged, with a slow reader and flat memory',
  async () => {
    const size = 200 * 2 ** 20;
    const child = await new Command('/bin/cat').stdin('piped').stdout('piped').spawn();
    const sent = createHash('sha256');
    const received = createHash('sha256');
    const before = process.memoryUsage().rss;
    let highest = before;
    let count = 0;

    const reading = (async () => {
      let chunks = 0;
      for await (const chunk of child.stdout!) {
        received.update(chunk as Buffer);
        count += (chunk as Buffer).length;
        chunks += 1;
        if (chunks % 500 === 0) {
          highest = Math.max(highest, process.memoryUsage().rss);
          await sleep(5);
        }
      }
    })();
    for (let at = 0; at < size; at += 2 ** 20) {
      const block = Buffer.alloc(2 ** 20, at >>> 20);
      sent.update(block);
      if (!child.stdin!.write(block)) await new Promise(resolve => child.stdin!.once('drain', resolve));
    }
    child.stdin!.end();
    await reading;

    assert.is(count, size);
    assert.is(received.digest('hex'), sent.digest('hex'));
    assert.ok((await child.wait()).success);
    assert.ok(highest - before < 100 * 2 ** 20, `memory grew by ${(highest - before) >>> 20} MiB`);
  },
  { timeoutMs: 120_000 },
);

test('a program can open its own standard streams again, since they are pipes', async () => {
  const { stdout, stderr } = await shell('echo out; echo err > /dev/stderr').output();
  assert.is(stdout.toString(), 'out\n');
  assert.is(stderr.toString(), 'err\n');
});

test('the standard streams of a program are pipes, and the client has the other ends', async () => {
  const child = await new Command('/bin/cat').stdin('piped').stdout('piped').stderr('piped').spawn();
  const links = descriptorsOf(child.pid);
  for (const number of [0, 1, 2]) assert.match(links.get(number)!, /^pipe:/);
  const own = [...descriptorsOf(process.pid).values()];
  for (const number of [0, 1, 2]) assert.ok(own.includes(links.get(number)!));
  await child.kill();
  await child.wait();
});

test('the pipes of an ended program can still be read', async () => {
  const child = await shell('echo late').stdout('piped').spawn();
  await child.wait();
  assert.is(await child.stdout!.text(), 'late\n');
});

test('writing to a program that has gone is EPIPE, on the stream', async () => {
  const child = await shell('exit 0').stdin('piped').spawn();
  await child.wait();
  const error = await new Promise<NodeJS.ErrnoException>(resolve => {
    child.stdin!.on('error', resolve);
    child.stdin!.write('nobody reads this');
  });
  assert.is(error.code, 'EPIPE');
});

test('end() is the end of file for the program', async () => {
  const child = await shell('wc -c').stdin('piped').stdout('piped').spawn();
  child.stdin!.end('12345');
  assert.is((await child.stdout!.text()).trim(), '5');
  await child.wait();
});

test('nothing is read before someone asks', async () => {
  const child = await new Command(fixture('flood'))
    .arg(String(2 ** 20))
    .stdout('piped')
    .spawn();
  await sleep(50);
  // A pipe holds 64 KiB, so the program is still writing.
  assert.is(child.tryWait(), null);
  assert.is((await child.stdout!.bytes()).length, 2 ** 20);
  await child.wait();
});

test('setEncoding and pipe work as on every Readable', async () => {
  const first = await shell('printf "\\303\\244"').stdout('piped').spawn();
  first.stdout!.setEncoding('utf8');
  let text = '';
  for await (const chunk of first.stdout!) text += chunk;
  assert.is(text, 'ä');
  const source = await shell('echo through').stdout('piped').spawn();
  const sink = await new Command('/bin/cat').stdin('piped').stdout('piped').spawn();
  source.stdout!.pipe(sink.stdin!);
  assert.is(await sink.stdout!.text(), 'through\n');
  await Promise.all([first.wait(), source.wait(), sink.wait()]);
});

test(
  'intoFd hands out a blocking descriptor, once',
  async () => {
    const child = await shell('sleep 0.1; echo bare').stdout('piped').spawn();
    const fd = child.stdout!.intoFd();
    assert.ok(fstatSync(fd).isFIFO());
    const buffer = Buffer.alloc(16);
    // The read waits for the program: on a non-blocking descriptor it would fail with EAGAIN.
    assert.is(buffer.toString('utf8', 0, readSync(fd, buffer, 0, 16, null)), 'bare\n');
    assert.throws(() => child.stdout!.intoFd());
    closeSync(fd);
    await child.wait();
  },
  { skip: withoutDescriptors },
);

test('destroy closes the descriptor, read or not', async () => {
  const before = descriptorsOf(process.pid).size;
  const child = await new Command('/bin/cat').stdin('piped').stdout('piped').stderr('piped').spawn();
  child.stdout!.once('data', () => {});
  child.stdin!.destroy();
  child.stdout!.destroy();
  child.stderr!.destroy();
  await child.wait();
  await until('descriptors are closed', () => descriptorsOf(process.pid).size <= before);
});

test.run();
