/** The step that failed. */
export type Stage =
  /** A pipe could not be made. */
  | 'CreatePipe'
  /** The process, or one of its new namespaces, could not be made. */
  | 'Fork'
  /** `man 2 execve` failed. */
  | 'Exec'
  /** The working directory could not be entered. */
  | 'Chdir'
  /** The parent death signal could not be set. */
  | 'ParentDeathSignal'
  /** The client could not open its end of a pipe. */
  | 'PipeError'
  /** The process could not be waited for, or signalled. */
  | 'WaitError'
  /** A descriptor could not be put into place. */
  | 'StdioError'
  /** The user or group ids could not be set. */
  | 'SetUser'
  /** The root directory, or the propagation of mounts, could not be changed. */
  | 'ChangeRoot'
  /** An id map could not be written. */
  | 'SetIdMap'
  /** A command that writes an id map (`setIdMapCommands`) exited with another status than 0. */
  | 'AuxCommandExited'
  /** A command that writes an id map was killed. */
  | 'AuxCommandKilled'
  /** The process group could not be set. */
  | 'SetPGid'
  /** A namespace could not be joined. */
  | 'SetNs'
  /** The capabilities could not be set. */
  | 'CapSet'
  /** The function given to `beforeUnfreeze` threw or rejected. */
  | 'BeforeUnfreeze'
  /** A step given to `preExec` failed. */
  | 'PreExec'
  /** The process died before it came to `execve`, or it is not known what failed. */
  | 'UnknownError'
  /** The helper could not be found or started, has died or was closed, or is of another version. */
  | 'Helper'
  /** Client and helper do not understand each other. */
  | 'Protocol'
  /** The command is past a limit. */
  | 'Limit';

/**
 * What was being done at each stage, as the beginning of a sentence, given what it was about where that is
 * known.
 */
export const DOING: Record<Stage, (item: string | null) => string> = {
  CreatePipe: item => `cannot create ${item === null ? 'a pipe' : `the pipe of ${item}`}`,
  Fork: item => `cannot create ${item === null ? 'the process' : `a new ${item} namespace`}`,
  Exec: item => `cannot execute ${item ?? 'the program'}`,
  Chdir: item => `cannot change the working directory${item === null ? '' : ` to ${item}`}`,
  ParentDeathSignal: () => 'cannot set the parent death signal',
  PipeError: item => `cannot open ${item === null ? 'a pipe' : `the pipe of ${item}`}`,
  WaitError: item => `cannot ${item === null ? 'wait for the process' : item}`,
  StdioError: item => `cannot set up ${item === null ? 'the standard input and output' : item}`,
  SetUser: item => `cannot set the user and group ids${item === null ? '' : ` (${item})`}`,
  ChangeRoot: item => `cannot change the root directory${item === null ? '' : ` (${item})`}`,
  SetIdMap: item => `cannot write ${item ?? 'the id maps'}`,
  AuxCommandExited: item => `${item ?? 'the id map command'} failed`,
  AuxCommandKilled: item => `${item ?? 'the id map command'} was killed`,
  SetPGid: item => `cannot make the process ${item === null ? 'a group leader' : `the leader of a ${item}`}`,
  SetNs: item => `cannot join ${item ?? 'a namespace'}`,
  CapSet: item => `cannot set the ${item ?? 'capabilities'}`,
  BeforeUnfreeze: () => 'beforeUnfreeze failed',
  PreExec: item => `cannot run ${item ?? 'a preExec step'}`,
  UnknownError: item => `cannot start the process${item === null ? '' : ` (${item})`}`,
  Helper: () => 'cannot use the helper',
  Protocol: () => 'client and helper do not understand each other',
  Limit: item => `the command is past a limit${item === null ? '' : ` (${item})`}`,
};

/** The beginning of the sentence about a failure at `stage`; `item` is what the stage was about, in words. */
export function describeStage(stage: Stage, item: string | null): string {
  return DOING[stage](item);
}
