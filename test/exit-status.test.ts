import * as assert from 'uvu/assert';
import { toExitStatus } from '../client/protocol/exit-status-message';
import { suite } from './harness';
import { unshare } from './messages';

const { ExitStatus } = unshare.v1;
const test = suite('exit-status');

test('status 0 is success', () => {
  assert.is(toExitStatus(new ExitStatus({ exitCode: 0 })).success, true);
});

test('another status is no success', () => {
  assert.is(toExitStatus(new ExitStatus({ exitCode: 255 })).success, false);
});

test('an exit has a code and no signal', () => {
  const { code, signal } = toExitStatus(new ExitStatus({ exitCode: 255 }));
  assert.equal([code, signal], [255, null]);
});

test('a death by signal has a signal and no code', () => {
  const { code, signal } = toExitStatus(new ExitStatus({ signal: 9 }));
  assert.equal([code, signal], [null, 'SIGKILL']);
});

test('a death by signal is no success', () => {
  assert.is(toExitStatus(new ExitStatus({ signal: 9 })).success, false);
});

test('real-time signals are named by the count of the kernel', () => {
  assert.is(toExitStatus(new ExitStatus({ signal: 40 })).signal, 'SIGRT_8');
});

test('an exit reads as its status', () => {
  assert.is(`${toExitStatus(new ExitStatus({ exitCode: 1 }))}`, 'exit status: 1');
});

test('a death by signal reads as number and name', () => {
  assert.is(`${toExitStatus(new ExitStatus({ signal: 9 }))}`, 'signal: 9 (SIGKILL)');
});

test('a core dump is mentioned', () => {
  assert.is(
    `${toExitStatus(new ExitStatus({ signal: 11, coreDumped: true }))}`,
    'signal: 11 (SIGSEGV) (core dumped)',
  );
});

test('resource usage has the names of process.resourceUsage()', () => {
  const resourceUsage = {
    userTimeUs: 1,
    systemTimeUs: 2,
    maxResidentKib: 3,
    minorFaults: 4,
    majorFaults: 5,
    blocksIn: 6,
    blocksOut: 7,
    voluntarySwitches: 8,
    involuntarySwitches: 9,
  };
  const message = ExitStatus.decode(ExitStatus.encode({ resourceUsage }).finish()) as unshare.v1.ExitStatus;
  assert.equal(toExitStatus(message).resourceUsage, {
    userCPUTime: 1,
    systemCPUTime: 2,
    maxRSS: 3,
    minorPageFault: 4,
    majorPageFault: 5,
    fsRead: 6,
    fsWrite: 7,
    voluntaryContextSwitches: 8,
    involuntaryContextSwitches: 9,
  });
});

test('missing resource usage is 0', () => {
  assert.is(toExitStatus(new ExitStatus({ exitCode: 0 })).resourceUsage.maxRSS, 0);
});

test.run();
