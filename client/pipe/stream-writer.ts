import { Writable } from 'stream';
import type { InputStream } from '../protocol/stream';

/** What a program reads, as a `Writable` whose bytes go to the helper. */
export class StreamWriter extends Writable {
  /** `hold` keeps the event loop alive while something is on its way, and returns what ends that. */
  constructor(
    private readonly stream: InputStream,
    private readonly hold: () => () => void,
  ) {
    // Node 12 swallows the error of a write where it destroys the stream by itself.
    super({ autoDestroy: false });
    stream.use();
    this.once('finish', () => this.destroy());
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const release = this.hold();
    this.stream.write(chunk, error => {
      release();
      callback(error);
      if (error) this.destroy();
    });
  }

  /** Takes all chunks that wait, so that many small ones are one message. */
  override _writev(
    chunks: { chunk: Buffer; encoding: BufferEncoding }[],
    callback: (error?: Error | null) => void,
  ): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'binary', callback);
  }

  override _final(callback: (error?: Error | null) => void): void {
    const release = this.hold();
    this.stream.end(error => {
      release();
      callback(error);
    });
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.stream.close();
    callback(error);
  }
}
