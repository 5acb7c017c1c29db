import { describeErrno } from '../error/errno';

/** Bytes of a stream that its receiver has not consumed yet: `stream_window` in helper/limits.zig. */
export const STREAM_WINDOW = 256 * 1024;

/** The helper is told of this many consumed bytes at once. */
const CREDIT_SIZE = STREAM_WINDOW / 4;

/** The largest chunk that is sent at once: for larger messages, the helper has to map memory. */
const CHUNK_MAX = 24 * 1024;

/** How a stream talks to the helper. */
export interface StreamLink {
  send(data: Uint8Array, end: boolean): void;
  credit(size: number): void;
  close(drain: boolean): void;
}

/** What reads from an output stream. */
export interface StreamConsumer {
  data(chunk: Buffer): void;
  /** Called once, after the last `data`. */
  end(error: Error | null): void;
}

const DROP: StreamConsumer = { data: () => {}, end: () => {} };

/** The bytes that a program writes, as the helper sends them. */
export class OutputStream {
  private readonly link: StreamLink;
  private consumer: StreamConsumer | null = null;
  /** What came before somebody wanted it. The window bounds it. */
  private readonly queue: Buffer[] = [];
  private unacknowledged = 0;
  private isClosed = false;
  private isOver = false;
  private error: Error | null = null;

  constructor(link: StreamLink) {
    this.link = link;
  }

  /** Hands over what has come, from now on, until `pause`. */
  flow(consumer: StreamConsumer): void {
    this.consumer = consumer;
    while (this.consumer === consumer && this.queue.length > 0) this.deliver(this.queue.shift()!);
    if (this.isOver && this.consumer === consumer && this.queue.length === 0) this.finish();
  }

  /** Drops what comes, unless somebody else wants it. */
  neglect(): void {
    if (this.consumer === null && !this.isClosed) this.flow(DROP);
  }

  /** Keeps what comes until `flow` is called again. */
  pause(): void {
    this.consumer = null;
  }

  /** Drops what comes from now on, and lets the helper close the pipe. */
  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.consumer = null;
    this.queue.length = 0;
    if (!this.isOver) this.link.close(false);
  }

  /** Asks the helper for what is in the pipe now, and then for the end: another process may hold the pipe open. */
  drain(): void {
    if (this.isClosed || this.isOver) return;
    if (this.unacknowledged > 0) this.link.credit(this.unacknowledged);
    this.unacknowledged = 0;
    this.link.close(true);
  }

  /** @internal The helper has sent bytes. */
  take(data: Uint8Array): void {
    if (this.isClosed) return;
    const chunk = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
    if (this.consumer === null || this.queue.length > 0) this.queue.push(chunk);
    else this.deliver(chunk);
  }

  /** @internal The stream has ended, or the helper is gone. */
  over(error: Error | null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.error = error;
    if (this.consumer !== null && this.queue.length === 0) this.finish();
  }

  private deliver(chunk: Buffer): void {
    this.unacknowledged += chunk.length;
    if (this.unacknowledged >= CREDIT_SIZE && !this.isOver) {
      this.link.credit(this.unacknowledged);
      this.unacknowledged = 0;
    }
    this.consumer!.data(chunk);
  }

  private finish(): void {
    const consumer = this.consumer!;
    this.consumer = null;
    this.isClosed = true;
    consumer.end(this.error);
  }
}

type Done = (error: Error | null) => void;

/** The bytes that a program reads, which the helper writes to its pipe. */
export class InputStream {
  private readonly link: StreamLink;
  private window: number;
  /** What is being written: the rest of it, and whom to tell. */
  private rest: Uint8Array | null = null;
  private written: Done = () => {};
  private isEnding = false;
  private isOver = false;
  /** Why the program takes no more; null if it took all. */
  private error: Error | null = null;
  private readonly ended: Done[] = [];
  private isUsed = false;

  /** `sent` bytes went to the helper together with the command; all there are, if `ends`. */
  constructor(link: StreamLink, sent: number, ends: boolean) {
    this.link = link;
    this.window = STREAM_WINDOW - sent;
    this.isEnding = ends;
    this.isUsed = ends;
  }

  /** Calls back when all of `bytes` was sent, or cannot be. Must not be called again before that. */
  write(bytes: Uint8Array, callback: Done): void {
    if (this.isOver || this.isEnding) {
      callback(this.error);
      return;
    }
    this.rest = bytes;
    this.written = callback;
    this.send();
  }

  /** Nothing follows. Calls back when the program's pipe has all bytes, or takes no more. */
  end(callback: Done): void {
    if (this.isOver) {
      callback(this.error);
      return;
    }
    this.ended.push(callback);
    if (this.isEnding) return;
    this.isEnding = true;
    this.link.send(new Uint8Array(0), true);
  }

  /** Somebody is going to write. */
  use(): void {
    this.isUsed = true;
  }

  /** The program has nothing to read, unless somebody is going to write. */
  neglect(): void {
    if (!this.isUsed) this.close();
  }

  /** Drops what was not sent, and what the program has not read. */
  close(callback: Done = () => {}): void {
    if (this.isOver) {
      callback(null);
      return;
    }
    this.ended.push(callback);
    if (this.isEnding) return;
    this.isEnding = true;
    this.link.close(false);
    if (this.rest === null) return;
    // Who writes waits for this, and may keep the event loop alive meanwhile.
    this.rest = null;
    this.written(null);
  }

  /** @internal The helper has written so many bytes to the pipe. */
  credit(size: number): void {
    this.window += size;
    this.send();
  }

  /** @internal The stream has ended; `error` says why it ended early. */
  over(error: Error | null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.error = error;
    const waiting = this.ended.splice(0);
    if (this.rest !== null) waiting.unshift(this.written);
    this.rest = null;
    for (const callback of waiting) callback(error);
  }

  private send(): void {
    while (this.rest !== null && this.window > 0) {
      const piece = this.rest.subarray(0, Math.min(CHUNK_MAX, this.window));
      this.window -= piece.length;
      this.rest = piece.length < this.rest.length ? this.rest.subarray(piece.length) : null;
      this.link.send(piece, false);
      if (this.rest === null) this.written(null);
    }
  }
}

/** The error of a write that failed in the helper: EPIPE if the program reads no more. */
export function writeFailed(errno: number): Error {
  const { code, words } = describeErrno(errno);
  return Object.assign(new Error(`${code}: ${words}, write`), { code, errno: -errno, syscall: 'write' });
}
