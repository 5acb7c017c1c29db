import { quoteBytes } from '../bytes';
import type { ExitStatus } from './exit-status';

/** How much of the last line of standard error a message has, in characters. */
const SHOWN_MAX = 200;

/**
 * A program did not succeed: it exited with another status than 0, or a signal ended it. What `status`, `output` and the synchronous
 * calls reject with, or throw, if `check` is set.
 */
export class ExitError<Data extends Buffer | string = Buffer | string> extends Error {
  /** How the program ended. */
  readonly status: ExitStatus;
  /** What it wrote to standard output, as far as it was read for the caller. */
  readonly stdout: Data;
  /** What it wrote to standard error, likewise. */
  readonly stderr: Data;
  /** The program and its arguments, as `display(Style.short())` shows them. */
  readonly command: string;

  /** @internal */
  constructor(command: string, status: ExitStatus, stdout: Data, stderr: Data) {
    const last = lastLine(stderr);
    super(`${command} failed with ${status}${last === '' ? '' : `; its last words: ${last}`}`);
    this.command = command;
    this.status = status;
    this.stdout = stdout;
    this.stderr = stderr;
  }
}

// On the prototype, as with Error's own subclasses.
Object.defineProperty(ExitError.prototype, 'name', {
  value: 'ExitError',
  configurable: true,
  writable: true,
});

/** In quotes: it may contain what a terminal takes for a command. */
function lastLine(stderr: Buffer | string): string {
  const text = stderr
    .slice(-8 * SHOWN_MAX)
    .toString()
    .trimEnd();
  const line = text.slice(Math.max(text.lastIndexOf('\n'), text.lastIndexOf('\r')) + 1);
  return line === '' ? '' : quoteBytes(Buffer.from(line.slice(0, SHOWN_MAX)));
}
