import { clearTimeout, setTimeout } from 'timers';
import { Command } from '../command/command';
import { UnshareError } from '../error/error';
import { Helper } from '../helper/helper';
import type { unshare } from '../messages';
import type { ExitStatus } from '../process/exit-status';

/** What came of an attempt: `error` is null where it worked. */
export type Attempt =
  | { readonly tried: true; readonly error: UnshareError | null }
  | { readonly tried: false; readonly reason: string };

/** How long one command may take, in milliseconds: an id map command may ask a directory service. */
const COMMAND_TIMEOUT_MS = 5000;

/** After that, a helper that does not answer is given up, in milliseconds. */
const ANSWER_TIMEOUT_MS = 8000;

/** A directory: what is always there, and can never be executed. */
const NO_PROGRAM = '/';

/** Tries out commands with a helper of its own. Whatever that one does, every attempt ends. */
export class Trial {
  private readonly helper: Helper;
  private lost: string | null = null;
  private hello: unshare.v1.Hello | null = null;

  /** `path` is that of the helper's program, or undefined for the usual one. */
  constructor(path: string | undefined) {
    this.helper = new Helper(path === undefined ? {} : { path });
  }

  get pid(): number | null {
    return this.helper.pid;
  }

  /** What the helper has said of itself, or null where it has not. */
  get greeting(): unshare.v1.Hello | null {
    return this.hello;
  }

  /** Starts the helper. Nothing can be tried where that fails. */
  async start(): Promise<UnshareError | null> {
    try {
      this.hello = await this.answered(this.helper.greeting());
      return null;
    } catch (error) {
      this.lost ??= 'there is no helper that works';
      return toUnshareError(error);
    }
  }

  /**
   * Tries a command that `prepare` sets up, up to `execve`: what it would run cannot be executed, so that a failure there says
   * that all before it has worked.
   */
  async attempt(prepare: (command: Command) => unknown): Promise<Attempt> {
    const command = probe(NO_PROGRAM);
    prepare(command);
    const attempt = await this.run(command);
    return attempt.tried && attempt.error?.stage === 'Exec' ? { tried: true, error: null } : attempt;
  }

  /** Runs a program to its end, without arguments and with nothing to read from or to write to. */
  async execute(program: string): Promise<Attempt> {
    return await this.run(probe(program).stdin('null').stdout('null').stderr('null'));
  }

  /** Ends the helper and all that is left of the commands. */
  async close(): Promise<void> {
    await this.helper.close();
  }

  private async run(command: Command): Promise<Attempt> {
    if (this.lost !== null) return { tried: false, reason: this.lost };
    try {
      await this.answered<ExitStatus>(command.status({ helper: this.helper, timeout: COMMAND_TIMEOUT_MS }));
      return { tried: true, error: null };
    } catch (error) {
      return { tried: true, error: toUnshareError(error) };
    }
  }

  /** Where there is no answer in time, the helper is closed, and so all that waits for it rejects. */
  private async answered<T>(answer: Promise<T>): Promise<T> {
    const timer = setTimeout(() => {
      this.lost = `the helper has given no answer within ${ANSWER_TIMEOUT_MS} ms`;
      this.helper.close();
    }, ANSWER_TIMEOUT_MS);
    try {
      return await answer;
    } catch (error) {
      throw this.lost === null ? error : new UnshareError({ stage: 'Helper', doing: this.lost });
    } finally {
      clearTimeout(timer);
    }
  }
}

/** With an empty environment, and no working directory that could be missing. */
function probe(program: string): Command {
  return new Command(program).envClear().currentDir('/');
}

function toUnshareError(error: unknown): UnshareError {
  if (error instanceof UnshareError) return error;
  // Of the runtime, or past the timeout.
  return new UnshareError({ stage: 'UnknownError', doing: (error as Error).message, cause: error });
}
