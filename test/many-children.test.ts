import { readFileSync } from 'fs';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { packageRoot, runtimePath } from './support';

const test = suite('many children');

/**
 * One thousand children, all of whose output is being read: those of the one half are never given anything, and data goes
 * both ways through the others. Says how many came through, and whether its descriptors are closed in the end.
 */
const client = `
  const { readdirSync, readFileSync } = require('fs');
  const { Command } = require(${JSON.stringify(packageRoot)});
  const data = Buffer.alloc(20_000, 'data').toString();
  (async () => {
    const open = () => readdirSync('/proc/self/fd').length;
    await new Command('/bin/true').output();
    const before = open();
    const command = new Command('/bin/cat').stdin('piped').stdout('piped');
    const children = [];
    while (children.length < 1000) {
      children.push(...(await Promise.all(Array.from({ length: 50 }, () => command.spawn()))));
    }
    const texts = children.map(child => child.stdout.text());
    const half = rest => list => list.filter((_, at) => at % 2 === rest);
    const [idle, busy] = [half(0), half(1)];
    for (const child of busy(children)) child.stdin.end(data);
    const echoed = await Promise.all(busy(texts));
    const ended = await Promise.all(busy(children).map(child => child.wait()));
    console.log(echoed.filter(text => text === data).length, ended.filter(status => status.success).length);
    const living = idle(children).filter(child => !/^State:\\s+Z/m.test(readFileSync('/proc/' + child.pid + '/status', 'utf8')));
    for (const child of idle(children)) child.stdin.end();
    const empty = await Promise.all(idle(texts));
    const last = await Promise.all(idle(children).map(child => child.wait()));
    console.log(living.length, empty.filter(text => text === '').length, last.filter(status => status.success).length);
    for (let time = 0; open() > before + 10 && time < 100; time += 1) await new Promise(resolve => setTimeout(resolve, 50));
    console.log(open() <= before + 10);
  })();`;

test(
  'one thousand live children with open pipes at once: half of them idle, and data flows through the others',
  async () => {
    // Two pipes for each; where the runtime makes them, a helper with a socket and what watches it besides.
    const child = await new Command('/bin/sh')
      .args(['-c', 'ulimit -n 16384 || ulimit -n "$(ulimit -H -n)"; exec "$0" -e "$1"', runtimePath, client])
      .stdin('null')
      .stdout('piped')
      .spawn();
    let peakKib = 0;
    const watching = setInterval(() => {
      const [, kib] = /^VmHWM:\s+(\d+) kB$/m.exec(statusOf(child.pid)) ?? [];
      peakKib = Math.max(peakKib, Number(kib ?? 0));
    }, 50);
    const text = await child.stdout!.text();
    clearInterval(watching);
    assert.is(text, '500 500\n500 500 500\ntrue\n');
    assert.is(String(await child.wait()), 'exit status: 0');
    assert.ok(peakKib > 0 && peakKib < 512 * 1024, `${peakKib} KiB`);
  },
  { timeoutMs: 110_000 },
);

function statusOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, 'utf8');
  } catch {
    return '';
  }
}

test.run();
