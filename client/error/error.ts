import { checkCalls, type Signatures } from '../check/check-calls';
import { escapeUnprintable } from '../escape';
import type { ExitStatus } from '../process/exit-status';
import type { Signal } from '../signals';
import { describeErrno } from './errno';
import { describeStage, type Stage } from './stage';

/** @internal What an `UnshareError` is made from. What is absent is null in the error. */
export interface UnshareErrorFields {
  stage: Stage;
  errno?: number | null;
  syscall?: string | null;
  item?: string | null;
  path?: string | null;
  index?: number | null;
  signal?: Signal | null;
  exitStatus?: ExitStatus | null;
  stderr?: Buffer | null;
  hint?: string | null;
  cause?: unknown;
  /** The beginning of the message, where it is not what the stage and the item make of it. */
  doing?: string;
  /** The item as it stands in the message, where that is not `item`: paths are quoted there. */
  shownItem?: string | null;
  /** What the message says went wrong, before the system's words. */
  reason?: string | null;
}

/**
 * A command could not be started or observed (the crate's `Error`).
 *
 * The message is a sentence: what was being done, on what, the system's words, the number, and the hint where
 * there is one, for instance `cannot execute "/bin/nope": No such file or directory (ENOENT, errno 2)`.
 */
export class UnshareError extends Error {
  /** The step that failed. */
  readonly stage: Stage;
  /** The error number of the system call that failed, positive, or null where none did. */
  readonly errno: number | null;
  /** The name of the error number, for instance `ENOENT`. */
  readonly code: string | null;
  /** The system call that failed. */
  readonly syscall: string | null;
  /**
   * What it was about: a path, a namespace, `uid_map`, `stdout`, the number of a descriptor, `step 2
   * (ioctl)`…
   */
  readonly item: string | null;
  /** The item, where it is a path, or the path of the namespace that could not be joined. */
  readonly path: string | null;
  /** Which of the steps given to `preExec` it was, counted from 0; only at the stage `PreExec`. */
  readonly index: number | null;
  /** The signal that killed the process before it came to `execve`; only at the stage `UnknownError`. */
  readonly signal: Signal | null;
  /** How the id map command ended; only at the stages `AuxCommandExited` and `AuxCommandKilled`. */
  readonly exitStatus: ExitStatus | null;
  /** The beginning of what it wrote to standard error; only at those stages. */
  readonly stderr: Buffer | null;
  /** A common cause that is not obvious, where one was found. It is in the message too. */
  readonly hint: string | null;
  /** The error behind this one, or undefined. */
  readonly cause: unknown;

  /** @internal */
  constructor(fields: UnshareErrorFields) {
    super(sentence(fields));
    this.stage = fields.stage;
    this.errno = fields.errno ?? null;
    this.code = this.errno === null ? null : describeErrno(this.errno).code;
    this.syscall = fields.syscall ?? null;
    this.item = fields.item ?? null;
    this.path = fields.path ?? null;
    this.index = fields.index ?? null;
    this.signal = fields.signal ?? null;
    this.exitStatus = fields.exitStatus ?? null;
    this.stderr = fields.stderr ?? null;
    this.hint = fields.hint ? escapeUnprintable(fields.hint) : null;
    this.cause = fields.cause;
  }

  /** The error number, or null where no system call failed (`raw_os_error` of the crate). */
  rawOsError(): number | null {
    return this.errno;
  }
}

const SIGNATURES: Signatures<UnshareError> = { rawOsError: 0 };
checkCalls(UnshareError.prototype, 'UnshareError', SIGNATURES);

// On the prototype, as with Error's own subclasses: no line of its own in what `util.inspect` prints.
Object.defineProperty(UnshareError.prototype, 'name', {
  value: 'UnshareError',
  configurable: true,
  writable: true,
});

function sentence(fields: UnshareErrorFields): string {
  const doing = fields.doing ?? describeStage(fields.stage, fields.shownItem ?? fields.item ?? null);
  const parts = [doing];
  if (fields.reason) parts.push(fields.reason);
  if (fields.errno) {
    const { code, words } = describeErrno(fields.errno);
    parts.push(`${words} (${code}, errno ${fields.errno})`);
  }
  const message = parts.join(': ');
  // A script's first line, a file name, what an id map command wrote: strangers' words are in here.
  return escapeUnprintable(fields.hint ? `${message}; ${fields.hint}` : message);
}
