import type { Socket } from 'net';
import { Writable } from 'stream';
import { checkCalls, type Signatures } from '../check/check-calls';
import { gather, type WaitingChunk } from './gather';
import type { PipeSink } from './pipe-driver';
import { openSink } from './pipe-drivers';
import { PipeEnd } from './pipe-end';
import { SocketSink } from './socket-pipe';

/**
 * The end of a pipe that the client writes to. It is a `Writable` on a real pipe; `end` closes it, and the
 * program then comes to the end of what it reads. Where nobody reads any more, it fails with the code
 * `EPIPE`.
 *
 * It stays open until it was ended or destroyed; the end of the program closes nothing here.
 */
export class PipeWriter extends Writable {
  private readonly pipeEnd: PipeEnd<PipeSink>;

  /** @internal Takes over a descriptor, which has O_NONBLOCK set, or a socket that the runtime has made. */
  constructor(source: number | Socket) {
    // Node 12 swallows the error of a write where it destroys the stream by itself.
    super({ autoDestroy: false, decodeStrings: false });
    this.once('finish', () => this.destroy());
    const sink = typeof source === 'number' ? source : new SocketSink(source, error => this.destroy(error));
    this.pipeEnd = new PipeEnd<PipeSink>(sink, 'write');
  }

  /**
   * Hands over the bare descriptor, in blocking mode and close-on-exec, for the caller to close; the stream
   * is destroyed. Throws an Error where something was written already, or the stream was ended or destroyed; at the stage
   * `PipeError` where the runtime has made the pipe.
   * (`into_fd` of the crate's `PipeWriter`.)
   */
  intoFd(): number {
    if (this.writableLength > 0) throw new Error('something was written to the pipe already');
    const descriptor = this.pipeEnd.take();
    this.destroy();
    return descriptor;
  }

  /** @internal */
  override _write(
    chunk: Buffer | string,
    encoding: BufferEncoding,
    callback: (error?: Error | null) => void,
  ): void {
    this.writeBlock(typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk, error => {
      callback(error);
      if (error) this.destroy();
    });
  }

  /** @internal Called with all that waits: few large writes instead of many small ones. */
  override _writev(chunks: WaitingChunk[], callback: (error?: Error | null) => void): void {
    const blocks = gather(chunks);
    const next = (error?: Error | null) => {
      const block = error ? undefined : blocks.next();
      if (block !== undefined && !block.done) {
        this.writeBlock(block.value, next);
        return;
      }
      callback(error);
      if (error) this.destroy();
    };
    next();
  }

  private writeBlock(block: Buffer, callback: (error?: Error | null) => void): void {
    this.pipeEnd
      .driver(descriptor => openSink(descriptor, error => this.destroy(error)))
      .write(block, callback);
  }

  /** @internal Called when all that was written has gone into the pipe. */
  override _final(callback: (error?: Error | null) => void): void {
    this.pipeEnd.close(callback);
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.pipeEnd.close(closeError => callback(error ?? closeError));
  }
}

const SIGNATURES: Signatures<PipeWriter, keyof Writable> = { intoFd: 0 };
checkCalls(PipeWriter.prototype, 'PipeWriter', SIGNATURES);
