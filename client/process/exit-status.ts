import { checkCalls, type Signatures } from '../check/check-calls';
import { type Signal, signalNumber } from '../signals';

/**
 * What a program and the children that it has waited for have used, as in `man 2 getrusage`. The names and
 * units are those of Node's `process.resourceUsage()`.
 */
export interface ResourceUsage {
  /** Time spent in user mode, in microseconds. */
  readonly userCPUTime: number;
  /** Time spent in the kernel, in microseconds. */
  readonly systemCPUTime: number;
  /** Largest resident set, in kilobytes of 1024 bytes. */
  readonly maxRSS: number;
  /** Page faults that needed no input or output. */
  readonly minorPageFault: number;
  /** Page faults that did. */
  readonly majorPageFault: number;
  /** Blocks that the file system read in, of 512 bytes each. */
  readonly fsRead: number;
  /** Blocks that the file system wrote out, of 512 bytes each. */
  readonly fsWrite: number;
  /** How often it gave up the processor, to wait for something mostly. */
  readonly voluntaryContextSwitches: number;
  /** How often the processor was taken from it. */
  readonly involuntaryContextSwitches: number;
}

/** What an `ExitStatus` is made from. */
interface ExitStatusFields {
  code: number | null;
  signal: Signal | null;
  coreDumped: boolean;
  resourceUsage: ResourceUsage;
}

/** How a program has ended (`std::process::ExitStatus`, which the crate uses). */
export class ExitStatus {
  /** The program's own status, 0 to 255, or null where a signal ended it. */
  readonly code: number | null;
  /**
   * Name of the signal that ended the program, or null where it exited: `SIGKILL`, or `SIGRT_8` for number
   * 40.
   */
  readonly signal: Signal | null;
  /** The kernel wrote a core dump, or handed one to the program that collects them. */
  readonly coreDumped: boolean;
  /** What the program has used. */
  readonly resourceUsage: ResourceUsage;

  /** @internal */
  constructor(fields: ExitStatusFields) {
    this.code = fields.code;
    this.signal = fields.signal;
    this.coreDumped = fields.coreDumped;
    this.resourceUsage = fields.resourceUsage;
  }

  /** The program exited, and with status 0. */
  get success(): boolean {
    return this.code === 0;
  }

  /** `exit status: 1`, or `signal: 9 (SIGKILL)`, with `(core dumped)` after it where that is so. */
  toString(): string {
    if (this.signal === null) return `exit status: ${this.code}`;
    const dump = this.coreDumped ? ' (core dumped)' : '';
    return `signal: ${signalNumber(this.signal)} (${this.signal})${dump}`;
  }
}

const SIGNATURES: Signatures<ExitStatus> = { toString: 0 };
checkCalls(ExitStatus.prototype, 'ExitStatus', SIGNATURES);
