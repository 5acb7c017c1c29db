import { quote } from '../escape';
import { unshare } from '../messages';
import type { ExitStatus } from '../process/exit-status';
import { toExitStatus } from '../protocol/exit-status-message';
import { protocolViolation } from '../protocol/protocol-errors';
import { signalName } from '../signals';
import type { AskedCommand } from './asked-command';
import { UnshareError } from './error';
import { type FailedItem, failedItem } from './failed-item';
import { hintFor } from './hint';
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

/** How much of what an id map command wrote to standard error is in the message, in characters. */
const STDERR_SHOWN_MAX = 200;

/**
 * The error that a `SpawnFailed` tells of a command. The message names what failed by its kind, and the
 * command has it. Throws at the stage `Protocol` where it is of a stage that there is not.
 */
export function toSpawnError(
  helperPath: string,
  failure: v1.SpawnFailed,
  command: AskedCommand,
): UnshareError {
  const stage = (STAGES as Record<number, Stage | undefined>)[failure.stage];
  if (stage === undefined) throw protocolViolation(helperPath, `SpawnFailed with the stage ${failure.stage}`);
  const item = failedItem(failure, command);
  // What the helper has to say explains an error number, and stands for one where there is none.
  const explains = failure.errno !== 0 && failure.detail !== '';
  const aux = stage === 'AuxCommandExited' || stage === 'AuxCommandKilled' ? auxOf(failure) : null;
  return new UnshareError({
    stage,
    errno: failure.errno === 0 ? null : failure.errno,
    syscall: failure.syscall || failedStep(failure, command)?.name || null,
    item: item?.text ?? null,
    path: item?.path ?? null,
    index: failure.item === v1.Item.ITEM_STEP ? failure.index : null,
    signal: failure.signal === 0 ? null : signalName(failure.signal),
    ...aux,
    doing: doingOf(stage, failure, item),
    reason: aux === null ? reasonOf(stage, failure, item) : describeAux(aux, failure.detail),
    hint: explains ? failure.detail : hintFor(stage, failure, command),
  });
}

/** The step that failed, where a system call did. */
function failedStep({ item, index, errno }: v1.SpawnFailed, { request }: AskedCommand) {
  return item === v1.Item.ITEM_STEP && errno !== 0 ? request.preExec[index] : undefined;
}

function doingOf(stage: Stage, { item: kind }: v1.SpawnFailed, item: FailedItem | null): string {
  const { ITEM_NEWUIDMAP, ITEM_NEWGIDMAP } = v1.Item;
  if (stage === 'SetIdMap' && item !== null && (kind === ITEM_NEWUIDMAP || kind === ITEM_NEWGIDMAP)) {
    return `cannot run ${item.shown}`;
  }
  // Not one of the command's pipes, but the one on which its processes report to the helper.
  if (stage === 'PipeError' && item === null) return 'cannot follow the start of the process';
  return describeStage(stage, item?.shown ?? null);
}

/** What went wrong where no system call failed, or null where that is not known. */
function reasonOf(stage: Stage, failure: v1.SpawnFailed, item: FailedItem | null): string | null {
  if (failure.errno !== 0) return null;
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

/** How an id map command ended, and what it had to say. */
interface Aux {
  exitStatus: ExitStatus | null;
  stderr: Buffer;
}

function auxOf({ exitStatus, stderr }: v1.SpawnFailed): Aux {
  return {
    exitStatus: exitStatus ? toExitStatus(exitStatus) : null,
    // A copy: what it was decoded from holds more.
    stderr: Buffer.from(stderr),
  };
}

function describeAux({ exitStatus, stderr }: Aux, detail: string): string | null {
  const parts: string[] = [];
  if (exitStatus !== null) parts.push(`${exitStatus}`);
  if (detail !== '') parts.push(detail);
  const line = firstLine(stderr);
  if (line !== null) parts.push(`it wrote ${quote(line.slice(0, STDERR_SHOWN_MAX))}`);
  return parts.length === 0 ? null : parts.join(', ');
}

/** The first line with something in it, or null where there is none. */
function firstLine(bytes: Buffer): string | null {
  const lines = bytes.toString('utf8').split('\n');
  return lines.map(line => line.trim()).find(line => line !== '') ?? null;
}
