import { readFileSync } from 'fs';
import * as path from 'path';
import { Command } from 'unshare';
import * as assert from 'uvu/assert';
import { readDocument } from './doc-blocks';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { until } from './support';
import { tracedHelper, withoutStrace } from './wrapped-helper';

const test = suite('system calls');

/** The calls in the tables of the section of docs/performance.md: the helper's, and the child's. */
function documented(): string[][] {
  const section = /## The system calls of a command\n([\s\S]*?)(?=\n## |$)/.exec(
    readDocument('docs/performance.md'),
  )![1]!;
  const tables = section.split('The child, up to');
  return tables.map(table => Array.from(table.matchAll(/^\| `(\w+)` /gm), match => match[1]!));
}

/** Each of several equal calls in a row once; and none for a process group that the helper may not have left. */
function once(calls: readonly string[]): string[] {
  return calls.filter((call, index) => call !== calls[index - 1] && call !== 'setpgid');
}

/** The calls of each process in a log of strace, in order. */
function callsIn(log: string): Map<number, string[]> {
  const calls = new Map<number, string[]>();
  // Whether unfinished or not, a call begins in one place only.
  for (const [, pid, call] of log.matchAll(/^(\d+) +(\w+)\(/gm)) {
    const list = calls.get(Number(pid)) ?? [];
    list.push(call!);
    calls.set(Number(pid), list);
  }
  return calls;
}

test(
  'those of a plain command are on the list, each with its reason, and no other',
  async () => {
    const log = path.join(makeScratch(), 'log');
    const helper = tracedHelper([], log);
    // The first one finds out what the later ones know.
    await new Command('/bin/true').status({ helper });
    // Its end comes long after its start: where both are told at once, there is a call less.
    const child = await new Command('/bin/sleep').arg('0.3').spawn({ helper });
    await child.wait();
    const pid = helper.pid!;
    await helper.close();
    await until('strace has seen the end', () => / exited with 0 \+{3}\n$/.test(readFileSync(log, 'latin1')));

    const calls = callsIn(readFileSync(log, 'latin1'));
    // Three times something came from the client: two requests, and the end of the connection.
    const [, , second] = calls.get(pid)!.join(' ').split('recvfrom');
    const ofHelper = `recvfrom${second}`.trim().split(' ');
    const ofChild = calls.get(child.pid)!;
    const [helperList, childList] = documented() as [string[], string[]];
    assert.equal(ofHelper.filter(call => call !== 'epoll_pwait').sort(), helperList.sort());
    assert.equal(once(ofChild.slice(0, ofChild.indexOf('execve') + 1)), once(childList));
  },
  { skip: withoutStrace },
);

test.run();
