import { ExitError } from '../process/exit-error';
import type { ExitStatus } from '../process/exit-status';
import { isLimitError } from '../process/limit-errors';
import { Output } from '../process/output';
import { Printer } from './printer';
import { checkBoolean, checkEncoding } from './run-options';
import type { SpawnRequest } from './spawn-request';
import { Style } from './style';

/** The options that say what becomes of a result. */
interface FinishOptions {
  check?: boolean;
  encoding?: BufferEncoding | 'buffer';
}

/** What a call returns in the end, or throws. The clock starts when it is made. */
export class Finish {
  private readonly start = process.hrtime();
  private readonly request: SpawnRequest;
  private readonly checks: boolean;
  private readonly encoding: BufferEncoding | null;

  /** Throws for options that are none. */
  constructor(request: SpawnRequest, options: FinishOptions) {
    this.request = request;
    this.checks = checkBoolean(options.check, 'check');
    this.encoding = checkEncoding(options.encoding);
  }

  /** `status`; throws an `ExitError` if it has to be a success and is none. */
  status(status: ExitStatus): ExitStatus {
    this.check(status, EMPTY, EMPTY);
    return status;
  }

  /** The result of `output` and `outputSync`, likewise. */
  output({ status, stdout, stderr }: { status: ExitStatus; stdout: Buffer; stderr: Buffer }) {
    const [seconds, nanoseconds] = process.hrtime(this.start);
    const output = new Output(
      status,
      this.decode(stdout),
      this.decode(stderr),
      seconds * 1000 + nanoseconds / 1e6,
    );
    this.check(status, output.stdout, output.stderr);
    // A `Buffer` or strings, as the overloads of the calls have it.
    return output as Output<never>;
  }

  /** `error`, whose bytes are text as well if an encoding was named. */
  error(error: unknown): unknown {
    if (!isLimitError(error)) return error;
    const { stdout, stderr } = error;
    return Object.assign(error, { stdout: this.decode(stdout), stderr: this.decode(stderr) });
  }

  private decode(bytes: Buffer): Buffer | string {
    return this.encoding === null ? bytes : bytes.toString(this.encoding);
  }

  private check(status: ExitStatus, stdout: Buffer | string, stderr: Buffer | string): void {
    if (!this.checks || status.success) return;
    throw new ExitError(`${new Printer(this.request, Style.short())}`, status, stdout, stderr);
  }
}

const EMPTY = Buffer.alloc(0);
