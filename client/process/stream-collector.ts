import type { OutputStream } from '../protocol/stream';

/** Collects what a program writes to one of its streams, up to a number of bytes. */
export class StreamCollector {
  /** Resolves at the end of the stream, or of the bytes that are collected. Rejects if the helper is lost. */
  readonly ended: Promise<void>;
  private readonly stream: OutputStream | null;
  private readonly exceeded: () => void;
  private readonly chunks: Buffer[] = [];
  private room: number;
  private isEnded: boolean;
  private resolve!: () => void;
  private reject!: (error: Error) => void;

  /** Without a stream, it is at its end. Calls `exceeded` if there are more than `max` bytes. */
  constructor(stream: OutputStream | null, max: number, exceeded: () => void) {
    this.stream = stream;
    this.exceeded = exceeded;
    this.room = max;
    this.isEnded = stream === null;
    this.ended = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
    // It may fail before anybody waits for it.
    this.ended.catch(() => {});
    if (stream === null) this.resolve();
  }

  /** Takes what has come already, and what comes. */
  start(): void {
    this.stream?.flow({
      data: chunk => this.take(chunk),
      end: error => {
        this.isEnded = true;
        if (error === null) this.resolve();
        else this.reject(error);
      },
    });
  }

  /** The bytes so far. */
  bytes(): Buffer {
    return this.chunks.length === 1 ? this.chunks[0]! : Buffer.concat(this.chunks);
  }

  /** Resolves when all bytes have come that are in the pipe now. */
  async drained(): Promise<void> {
    if (this.isEnded) return;
    this.stream!.drain();
    await this.ended.catch(() => {});
  }

  /** Takes no more. */
  close(): void {
    this.stream?.close();
  }

  private take(chunk: Buffer): void {
    if (this.room < 0) return;
    this.chunks.push(chunk.length > this.room ? chunk.subarray(0, this.room) : chunk);
    this.room -= chunk.length;
    if (this.room >= 0) return;
    this.stream!.close();
    this.isEnded = true;
    this.resolve();
    this.exceeded();
  }
}
