import * as assert from 'uvu/assert';
import { Command, Fd, Helper, step } from '../../client';
import { drivesPipes } from '../../client/runtime';
import { reachableFixture, rootMaps, type State } from '../support';
import type { Dice } from './dice';
import type { Target } from './target';

/*
 * Commands that really run, with random arguments, environments, descriptors and input, in each of the ways in which there is a
 * process: what the program finds is what the command was told, byte by byte.
 */

const EQUALS_SIGN = '='.charCodeAt(0);
const isRoot = process.geteuid!() === 0;

let helper: Helper | null = null;

export const commandRuns: Target = {
  name: 'command runs',
  batch: 24,
  async execute(dices) {
    helper ??= new Helper();
    await Promise.all(dices.map(runOne));
  },
  async end() {
    await helper?.close();
    helper = null;
  },
};

interface Expected {
  arguments: Buffer[];
  environment: Buffer[];
  /** Which of these holds the program's pid, or none. */
  pidAt: number;
  /** Numbers that the program has open besides 0, 1 and 2. */
  numbers: number[];
  isLeader: boolean;
  uid: number | null;
}

async function runOne(dice: Dice): Promise<void> {
  // Most of them find their state; some read their input back, to see that pipes are what they should be.
  if (dice.oneIn(4)) return echoInput(dice);
  const command = new Command(reachableFixture('state'));
  const expected = prepare(dice, command);
  const state: State = await stateOf(dice, command);
  assert.equal(state.arguments.map(hex), expected.arguments.map(hex));
  const environment = expected.environment.map((entry, at) =>
    at === expected.pidAt ? Buffer.concat([entry, Buffer.from(`${state.pid}`)]) : entry,
  );
  assert.equal(state.environment.map(hex), environment.map(hex));
  assert.equal(
    state.descriptors.map(({ number }) => number),
    [0, 1, 2, ...expected.numbers].sort((a, b) => a - b),
  );
  assert.is(state.group === state.pid, expected.isLeader);
  if (expected.uid !== null) assert.equal(state.uids, Array(3).fill(expected.uid));
}

/** Strings that are no UTF-8 are printed as arrays of bytes. */
function hex(text: string | number[] | Buffer): string {
  return (typeof text === 'string' ? Buffer.from(text) : Buffer.from(text as number[])).toString('hex');
}

function prepare(dice: Dice, command: Command): Expected {
  const first = dice.oneIn(3) ? dice.text() : null;
  const rest = dice.list(8, () => dice.text());
  if (first !== null) command.arg0(first);
  command.args(rest).envClear();
  const environment = new Map<string, Buffer>();
  for (const key of dice.list(8, () => dice.text(1 + dice.upTo(8), [EQUALS_SIGN]))) {
    const value = dice.text();
    command.env(key, value);
    environment.set(key.toString('latin1'), Buffer.concat([key, Buffer.from('='), value]));
  }
  let pidAt = -1;
  if (dice.oneIn(4)) {
    command.envVarWithPid('OWN_PID');
    environment.delete('OWN_PID');
    pidAt = environment.size;
    environment.set('OWN_PID', Buffer.from('OWN_PID='));
  }
  const asked = dice.oneIn(4) ? dice.oneIn(2) : null;
  if (asked !== null) command.makeGroupLeader(asked);
  const uid = isRoot && dice.oneIn(6) ? 1 + dice.below(60_000) : null;
  const hasNamespace = uid === null && dice.oneIn(6);
  if (uid !== null) command.uid(uid);
  if (hasNamespace) command.unshare('user', dice.oneIn(2) ? 'uts' : 'time').setIdMaps(...rootMaps());
  const isLeader = asked ?? (uid !== null || hasNamespace);
  if (dice.oneIn(5)) command.preExec(harmlessSteps(dice));
  const numbers = [...new Set(dice.list(4, () => 3 + dice.below(dice.oneIn(2) ? 8 : 900)))];
  for (const number of numbers)
    command.fileDescriptor(number, dice.oneIn(2) ? Fd.readNull() : Fd.writeNull());
  if (dice.oneIn(4)) command.closeFds();
  return {
    arguments: [first ?? Buffer.from(reachableFixture('state')), ...rest],
    environment: [...environment.values()],
    pidAt,
    numbers,
    isLeader,
    uid,
  };
}

/** Any arguments do for these, and none changes what the program finds. */
function harmlessSteps(dice: Dice) {
  return dice.list(dice.oneIn(8) ? 64 : 5, index =>
    step.syscall(
      dice.pick(['getpid', 'getppid', 'gettid', 'sched_yield']),
      ...dice.list(6, () =>
        dice.pick([dice.uint32(), dice.bytes(), index > 0 ? step.result(dice.below(index)) : -1]),
      ),
    ),
  );
}

async function stateOf(dice: Dice, command: Command): Promise<State> {
  // A helper of its own, where the client's thread waits.
  const { stdout, stderr, status } = dice.oneIn(12)
    ? command.outputSync()
    : await command.output({ helper: helper! });
  assert.ok(status.success, `${status}: ${stderr}`);
  return JSON.parse(stdout.toString());
}

/** Through three pipes, one of which has any number. */
async function echoInput(dice: Dice): Promise<void> {
  // What the runtime makes at such numbers are sockets, which cannot be opened by their path.
  const isLow = dice.oneIn(2) || !drivesPipes();
  const number = 3 + dice.below(isLow ? 6 : 900);
  const [input, more] = [dice.bytes(), dice.bytes()];
  // A shell has redirections to numbers of one digit only.
  const script = number < 10 ? `cat; cat <&${number} >&2` : `cat; cat /dev/fd/${number} >&2`;
  const child = await new Command('/bin/sh')
    .args(['-c', script])
    .stdin('piped')
    .stdout('piped')
    .stderr('piped')
    .fileDescriptor(number, Fd.pipedRead())
    .spawn({ helper: helper! });
  const writer = child.takePipeWriter(number)!;
  child.stdin!.end(input);
  writer.end(more);
  const [out, err, status] = await Promise.all([child.stdout!.bytes(), child.stderr!.bytes(), child.wait()]);
  assert.is(`${status}`, 'exit status: 0');
  assert.ok(Buffer.from(out).equals(input), 'what is read at 1 is what was written to 0');
  assert.ok(Buffer.from(err).equals(more), `what is read at 2 is what was written to ${number}`);
}
