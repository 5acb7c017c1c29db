import { UnshareError } from './error';
import { type FailedItem, failedItem } from './failed-item';
import { hintFor } from './hint';
import { unshare } from './messages';
import { protocolViolation } from './protocol-errors';
import { signalName } from './signals';
import type { SpawnMessage } from './spawn-message';
import { describeStage, type Stage } from './stage';

import v1 = unshare.v1;

/** The names of the stages in the messages. */
const STAGES: Record<Exclude<v1.Stage, v1.Stage.STAGE_UNSPECIFIED>, Stage> = {
  [v1.Stage.STAGE_CREATE_PIPE]: 'CreatePipe',
  [v1.Stage.STAGE_FORK]: 'Fork',
  [v1.Stage.STAGE_EXEC]: 'Exec',
  [v1.Stage.STAGE_CHDIR]: 'Chdir',
  [v1.Stage.STAGE_PARENT_DEATH_SIGNAL]: 'ParentDeathSignal',
  [v1.Stage.STAGE_PIPE_ERROR]: 'PipeError',
  [v1.Stage.STAGE_WAIT_ERROR]: 'WaitError',
  [v1.Stage.STAGE_STDIO_ERROR]: 'StdioError',
  [v1.Stage.STAGE_SET_USER]: 'SetUser',
  [v1.Stage.STAGE_CHANGE_ROOT]: 'ChangeRoot',
  [v1.Stage.STAGE_SET_ID_MAP]: 'SetIdMap',
  [v1.Stage.STAGE_AUX_COMMAND_EXITED]: 'AuxCommandExited',
  [v1.Stage.STAGE_AUX_COMMAND_KILLED]: 'AuxCommandKilled',
  [v1.Stage.STAGE_SET_PGID]: 'SetPGid',
  [v1.Stage.STAGE_SET_NS]: 'SetNs',
  [v1.Stage.STAGE_CAP_SET]: 'CapSet',
  [v1.Stage.STAGE_BEFORE_UNFREEZE]: 'BeforeUnfreeze',
  [v1.Stage.STAGE_PRE_EXEC]: 'PreExec',
  [v1.Stage.STAGE_UNKNOWN_ERROR]: 'UnknownError',
  [v1.Stage.STAGE_LIMIT]: 'Limit',
  [v1.Stage.STAGE_PROTOCOL]: 'Protocol',
};

/**
 * The error that a `SpawnFailed` tells of `command`. The message names what failed by its kind, and the
 * command has it. Throws at the stage `Protocol` where it is of a stage that there is not.
 */
export function toSpawnError(
  helperPath: string,
  failure: v1.SpawnFailed,
  command: SpawnMessage,
): UnshareError {
  const stage = (STAGES as Record<number, Stage | undefined>)[failure.stage];
  if (stage === undefined) throw protocolViolation(helperPath, `SpawnFailed with the stage ${failure.stage}`);
  const item = failedItem(failure, command);
  // What the helper has to say explains an error number, and stands for one where there is none.
  const explains = failure.errno !== 0 && failure.detail !== '';
  return new UnshareError({
    stage,
    errno: failure.errno === 0 ? null : failure.errno,
    syscall: failure.syscall || null,
    item: item?.text ?? null,
    path: item?.path ?? null,
    signal: failure.signal === 0 ? null : signalName(failure.signal),
    doing: describeStage(stage, item?.shown ?? null),
    reason: failure.errno === 0 ? reasonOf(stage, failure, item) : null,
    hint: explains ? failure.detail : hintFor(stage, failure, command),
  });
}

/** What went wrong where no system call failed, or null where that is not known. */
function reasonOf(stage: Stage, failure: v1.SpawnFailed, item: FailedItem | null): string | null {
  if (failure.detail !== '') return failure.detail;
  if (failure.signal !== 0) {
    return `signal ${failure.signal} (${signalName(failure.signal)}) killed the process before execve`;
  }
  if (stage === 'SetUser' && item?.text === 'uid_map') return unmapped('uid', process.geteuid?.());
  if (stage === 'SetUser' && item?.text === 'gid_map') return unmapped('gid', process.getegid?.());
  if (stage === 'UnknownError') return 'the process ended before execve';
  return null;
}

function unmapped(kind: 'uid' | 'gid', own: number | undefined): string {
  return `own ${kind} ${own} is not mapped in the new user namespace, and ${kind}() is not set`;
}
