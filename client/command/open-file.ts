import { closeSync } from 'fs';
import { checkInteger } from './ids';

/** An open file of the client: the number of its descriptor, or what has that as `fd`, as a `FileHandle` has. */
export type OpenFile =
  | number
  | {
      /** The number of the descriptor. */
      readonly fd: number;
    };

const INT_MAX = 2 ** 31 - 1;

/**
 * An open file of the client that a program is to have. Its number is looked up at the spawn: that of an
 * object may have been closed since.
 */
export class FileSource {
  private readonly file: OpenFile;
  /** Whether it is closed once the program has it. */
  readonly closes: boolean;
  private isSpent = false;

  /** Throws a TypeError or a RangeError, naming `file`, for what is none. */
  constructor(file: OpenFile, closes: boolean) {
    this.file = file;
    this.closes = closes;
    if (typeof file === 'number') checkInteger(file, 'file', 0, INT_MAX);
    else if (typeof (file as { fd?: unknown } | null)?.fd !== 'number') {
      throw new TypeError('file must be a descriptor or an open file');
    }
  }

  /** The number of the descriptor; -1 where it is closed, as far as that can be told. */
  get descriptor(): number {
    if (this.isSpent) return -1;
    return typeof this.file === 'number' ? this.file : this.file.fd;
  }

  /** Closes the file where it is to be closed, and only once. */
  release(): void {
    if (!this.closes || this.isSpent) return;
    const descriptor = this.descriptor;
    this.isSpent = true;
    // The object keeps account of its descriptor: closed behind its back, it would close another file later.
    const { close } = this.file as { close?: () => unknown };
    try {
      if (typeof close === 'function') Promise.resolve(close.call(this.file)).catch(() => {});
      else if (descriptor >= 0) closeSync(descriptor);
    } catch {
      // Closed already.
    }
  }
}
