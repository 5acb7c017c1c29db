import { finished } from 'stream';
import { setImmediate } from 'timers';
import type { PipeReader } from '../pipe/pipe-reader';

/** Each reads 64 KiB at least where there is as much, of the 1 MiB that a pipe may have (`man 7 pipe`). */
const TURNS = 64;

/** What a program writes to one of its pipes, up to a number of bytes. */
export class OutputCollector {
  /** Resolves at the end of the pipe, or of the bytes that are collected; rejects with what reading fails with. */
  readonly ended: Promise<void>;
  private readonly pipe: PipeReader | null;
  private readonly chunks: Buffer[] = [];
  private room: number;
  private isEnded = false;

  /** Without a pipe, it is at its end. Calls `exceeded` where there is more than `max` bytes. */
  constructor(pipe: PipeReader | null, max: number, exceeded: () => void) {
    this.pipe = pipe;
    this.room = max;
    this.ended = pipe === null ? Promise.resolve() : this.collect(pipe, exceeded);
    // It may fail before anybody waits for it.
    const end = () => {
      this.isEnded = true;
    };
    this.ended.then(end, end);
  }

  /** What was read so far. */
  bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }

  /**
   * Resolves when all is read that the pipe has now: at its end, or, where somebody else may still write, as soon as two
   * turns of the event loop bring nothing. Not later than `TURNS`, which are more than any pipe is deep.
   */
  async drained(): Promise<void> {
    for (let turn = 0, idle = 0; turn < TURNS && idle < 2 && !this.isEnded; turn++) {
      const { length } = this.chunks;
      await new Promise(resolve => setImmediate(resolve));
      idle = this.chunks.length === length ? idle + 1 : 0;
    }
  }

  /** Reads no more. */
  close(): void {
    this.pipe?.destroy();
  }

  private collect(pipe: PipeReader, exceeded: () => void): Promise<void> {
    pipe.on('data', (chunk: Buffer) => {
      if (this.room < 0) return;
      this.chunks.push(chunk.length > this.room ? chunk.subarray(0, this.room) : chunk);
      this.room -= chunk.length;
      if (this.room >= 0) return;
      pipe.destroy();
      exceeded();
    });
    return new Promise((resolve, reject) => {
      finished(pipe, { writable: false }, error => {
        if (error && this.room >= 0) reject(error);
        else resolve();
      });
    });
  }
}
