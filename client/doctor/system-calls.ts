import { type Step, step } from '../command/step';
import { Errno } from '../error/errno';
import { describeFailure } from './failure';
import { type Finding, limited, ok, unknown } from './finding';
import type { Attempt, Trial } from './trial';

/** A system call that older kernels do not have and that filters refuse. */
export interface NewerCall {
  readonly name: string;
  /** The first version of Linux with it. */
  readonly since: string;
  /** Harmless, and the last one tells. */
  readonly steps: readonly Step[];
  /** What the last one fails with where it is there, or null where it succeeds. */
  readonly expected: number | null;
  /** What is done without it. */
  readonly instead: string;
}

const LAST_DESCRIPTOR = 2 ** 32 - 1;

export const NEWER_CALLS: readonly NewerCall[] = [
  {
    name: 'clone3',
    since: '5.3',
    steps: [step.syscall('clone3', 0, 0)],
    expected: Errno.EINVAL,
    instead: 'the helper uses clone',
  },
  {
    name: 'close_range',
    since: '5.9',
    // A number that no descriptor can have.
    steps: [step.syscall('close_range', LAST_DESCRIPTOR, LAST_DESCRIPTOR, 0)],
    expected: null,
    instead: 'the helper closes descriptors one by one, which takes longer',
  },
  {
    name: 'pidfd',
    since: '5.3',
    steps: [
      step.syscall('getpid'),
      step.syscall('pidfd_open', step.result(0), 0),
      step.syscall('pidfd_send_signal', step.result(1), 0, 0, 0),
    ],
    expected: null,
    instead: 'this version does not use it',
  },
];

export async function tryCall(trial: Trial, { steps }: NewerCall): Promise<Attempt> {
  return await trial.attempt(command => command.preExec(steps));
}

export function callFinding(call: NewerCall, attempt: Attempt): Finding {
  if (!attempt.tried) return unknown(call.name, attempt.reason);
  const { error } = attempt;
  const failed = error !== null && error.stage === 'PreExec' ? error.errno : null;
  if (error === null || (failed !== null && failed === call.expected)) return ok(call.name, 'there');
  return limited(
    call.name,
    describeFailure(error),
    `nothing has to be done: ${call.instead}; Linux ${call.since} has it where no seccomp filter refuses it`,
  );
}
