import * as assert from 'uvu/assert';
import { LAUNCHES_MAX, LaunchWindow, TURN_MS } from '../client/protocol/launch-window';
import { suite } from './harness';
import { sleep, until } from './support';

const test = suite('launch window');

/** A window that `count` commands were brought to, from 1 on, and which of them it has let go. */
function windowWith(count: number) {
  const window = new LaunchWindow();
  const sent: number[] = [];
  const enter = (command: number) => window.enter(command, () => sent.push(command));
  for (let command = 1; command <= count; command += 1) enter(command);
  return { window, sent, enter };
}

test('so many are sent, and the others in order, each when one was answered', () => {
  const { window, sent } = windowWith(LAUNCHES_MAX + 2);
  assert.is(sent.length, LAUNCHES_MAX);
  window.leave(2);
  window.leave(1);
  assert.equal(sent.slice(-2), [LAUNCHES_MAX + 1, LAUNCHES_MAX + 2]);
});

test('an answer for one that was answered before lets nobody go', () => {
  const { window, sent } = windowWith(LAUNCHES_MAX + 2);
  window.leave(1);
  window.leave(1);
  assert.is(sent.length, LAUNCHES_MAX + 1);
  window.clear();
});

test('one that waits can be withdrawn, and is not sent', () => {
  const { window, sent } = windowWith(LAUNCHES_MAX + 1);
  assert.equal([window.withdraw(1), window.withdraw(LAUNCHES_MAX + 1)], [false, true]);
  window.leave(1);
  assert.is(sent.length, LAUNCHES_MAX);
});

test('those that are never answered hold up nobody for long', async () => {
  const { sent } = windowWith(2 * LAUNCHES_MAX + 1);
  await until('all are sent', () => sent.length === 2 * LAUNCHES_MAX + 1);
});

test('as long as some are answered, the others count', async () => {
  const { window, sent } = windowWith(LAUNCHES_MAX + 1000);
  let answered = 0;
  for (const end = Date.now() + 8 * TURN_MS; Date.now() < end; ) {
    answered += 1;
    window.leave(sent[answered - 1]!);
    await sleep(TURN_MS / 10);
  }
  assert.is(sent.length - answered, LAUNCHES_MAX);
  window.clear();
});

test('where this process has stood still, nobody is taken for slow before answers could be taken', async () => {
  const { window, sent } = windowWith(LAUNCHES_MAX + 1);
  for (const end = Date.now() + 10 * TURN_MS; Date.now() < end; );
  await sleep(2 * TURN_MS);
  assert.is(sent.length, LAUNCHES_MAX);
  window.clear();
});

test('all go where it is opened, and none where it is cleared', async () => {
  const opened = windowWith(LAUNCHES_MAX + 2);
  opened.window.open();
  assert.is(opened.sent.length, LAUNCHES_MAX + 2);
  const cleared = windowWith(LAUNCHES_MAX + 2);
  cleared.window.clear();
  cleared.window.leave(1);
  await sleep(8 * TURN_MS);
  assert.is(cleared.sent.length, LAUNCHES_MAX);
});

test.run();
