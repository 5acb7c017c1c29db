import { closeSync } from 'fs';
import type { Closed, PipeSink, PipeSource, SourceEvents } from './pipe-driver';

/*
 * Bun's `net.Socket` does not take a descriptor, and its `fs` streams read in a pool of a few threads, where some idle pipes
 * would hold up all others, and every other use of files. What follows waits in its event loop. It works on a copy of the
 * descriptor, and leaves that itself open.
 */

/** What is used of Bun. */
interface Bun {
  file(descriptor: number): {
    stream(): ReadableStream<Uint8Array>;
    writer(): FileSink;
  };
}

interface FileSink {
  write(chunk: Uint8Array): number | Promise<number>;
  flush(): number | Promise<number>;
  end(error?: Error): number | Promise<number>;
}

function bun(): Bun {
  return (globalThis as unknown as { Bun: Bun }).Bun;
}

export function bunSource(descriptor: number, events: SourceEvents): PipeSource {
  let reader: ReadableStreamDefaultReader<Uint8Array> | null = null;
  const owned = new Owned(descriptor);
  let isReading = false;
  let isClosed = false;

  async function readOn(): Promise<void> {
    isReading = true;
    try {
      reader ??= bun().file(descriptor).stream().getReader();
      for (let wanted = true; wanted; ) {
        const { done, value } = await reader.read();
        if (isClosed) return;
        if (done) return events.end();
        wanted = events.data(Buffer.from(value.buffer, value.byteOffset, value.byteLength));
      }
    } catch (error) {
      if (!isClosed) events.error(error as Error);
    } finally {
      isReading = false;
    }
  }

  return {
    pull() {
      if (!isReading) readOn();
    },
    close(callback) {
      isClosed = true;
      const close = () => owned.close(callback);
      // Only then it does not wait for the descriptor any more, whose number will be another file's.
      if (reader === null) close();
      else reader.cancel().then(close, close);
    },
  };
}

export function bunSink(descriptor: number): PipeSink {
  const owned = new Owned(descriptor);
  let sink: FileSink | null = null;

  async function writeWhole(chunk: Buffer): Promise<void> {
    sink ??= bun().file(descriptor).writer();
    await sink.write(chunk);
    // Where nobody reads any more, this is what fails.
    await sink.flush();
  }

  return {
    write(chunk, callback) {
      writeWhole(chunk).then(() => callback(), callback);
    },
    close(callback) {
      const close = () => owned.close(callback);
      if (sink === null) close();
      else Promise.resolve(sink.end()).then(close, close);
    },
  };
}

/** A descriptor that is closed once, however often it is asked for: its number may be another file's afterwards. */
class Owned {
  private isClosed = false;

  constructor(private readonly descriptor: number) {}

  close(callback: Closed): void {
    try {
      if (!this.isClosed) closeSync(this.descriptor);
    } catch (error) {
      callback(error as Error);
      return;
    } finally {
      this.isClosed = true;
    }
    callback();
  }
}
