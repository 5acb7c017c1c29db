import type { Socket } from 'net';
import { finished, Readable } from 'stream';
import { checkCalls, type Signatures } from '../check/check-calls';
import { LineSplitter } from './line-splitter';
import type { PipeSource, SourceEvents } from './pipe-driver';
import { openSource } from './pipe-drivers';
import { PipeEnd } from './pipe-end';
import { RuntimeSource } from './socket-pipe';

/**
 * The end of a pipe that the client reads from. It is a `Readable` on a real pipe, and nothing is read before
 * someone asks. (Where there is no usable /proc, it is a socket that the runtime has made.)
 *
 * It stays open until it was read to its end, or destroyed; the end of the program closes nothing here.
 */
export class PipeReader extends Readable {
  private readonly pipeEnd: PipeEnd<PipeSource>;

  /** @internal Takes over a descriptor, which has O_NONBLOCK set, or a socket that the runtime has made. */
  constructor(source: number | Socket) {
    super({ autoDestroy: true });
    this.pipeEnd = new PipeEnd<PipeSource>(
      typeof source === 'number' ? source : new RuntimeSource(source, this.events()),
      'read',
    );
  }

  /**
   * Hands over the bare descriptor, in blocking mode and close-on-exec, for the caller to close; the stream
   * is destroyed. Throws an Error where something was read already, or the stream was destroyed; at the stage
   * `PipeError` where the runtime has made the pipe.
   * (`into_fd` of the crate's `PipeReader`.)
   */
  intoFd(): number {
    const descriptor = this.pipeEnd.take();
    this.destroy();
    return descriptor;
  }

  /**
   * Reads all that there is, to the end. Rejects with what the stream fails with, and where it was ended or
   * destroyed before.
   */
  bytes(): Promise<Buffer> {
    return new Promise((resolve, reject) => {
      if (this.destroyed) throw new Error('the pipe was read to its end already, or closed');
      const chunks: Buffer[] = [];
      finished(this, { writable: false }, error => {
        if (error) reject(error);
        else resolve(Buffer.concat(chunks));
      });
      this.on('data', (chunk: Buffer | string) => {
        // Text where setEncoding was called.
        chunks.push(typeof chunk === 'string' ? Buffer.from(chunk, this.readableEncoding ?? 'utf8') : chunk);
      });
    });
  }

  /** Reads all that there is, to the end, as UTF-8. */
  async text(): Promise<string> {
    return (await this.bytes()).toString('utf8');
  }

  /**
   * The lines of the pipe as UTF-8, without their ends, as they come in: `for await (const line of child.stdout.lines())`. A line
   * ends with `\n`, `\r\n` or `\r`; what follows the last end is a line too. Bytes that are no UTF-8 become U+FFFD. There is no
   * limit on the length of a line. Leaving the loop destroys the stream.
   */
  async *lines(): AsyncGenerator<string, void, undefined> {
    const splitter = new LineSplitter();
    for await (const chunk of this) yield* splitter.push(chunk as Buffer | string);
    yield* splitter.end();
  }

  /** @internal */
  override _read(): void {
    this.pipeEnd.driver(descriptor => openSource(descriptor, this.events())).pull();
  }

  /** @internal */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.pipeEnd.close(closeError => callback(error ?? closeError));
  }

  private events(): SourceEvents {
    return {
      data: chunk => this.push(chunk),
      end: () => this.push(null),
      error: error => this.destroy(error),
    };
  }
}

const SIGNATURES: Signatures<PipeReader, keyof Readable> = {
  intoFd: 0,
  bytes: { most: 0, rejects: true },
  text: { most: 0, rejects: true },
  lines: 0,
};
checkCalls(PipeReader.prototype, 'PipeReader', SIGNATURES);
