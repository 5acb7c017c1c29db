import { runtime } from '../runtime';
import { bunSink, bunSource } from './bun-pipe';
import { SocketSink, SocketSource } from './socket-pipe';

/** What a driver calls back when it is closed. */
export type Closed = (error?: Error | null) => void;

/** What is read from a pipe, and what becomes of the pipe. */
export interface SourceEvents {
  /** Returns whether more is wanted; if not, `pull` asks for it later. */
  data(chunk: Buffer): boolean;
  end(): void;
  error(error: Error): void;
}

/** How the runtime reads from a pipe. Nothing is read before the first `pull`. */
export interface PipeSource {
  /** Asks for more. Until that is there, the event loop is kept alive. */
  pull(): void;
  /** Closes the pipe, whether something is being read or not. */
  close(callback: Closed): void;
}

/** How the runtime writes to a pipe. */
export interface PipeSink {
  /** Calls back when all of `chunk` is in the pipe. Not before that, it is called again. */
  write(chunk: Buffer, callback: Closed): void;
  /** Closes the pipe. */
  close(callback: Closed): void;
}

/** Reads from `descriptor`, which has O_NONBLOCK set, and belongs to the source from now on. */
export function openSource(descriptor: number, events: SourceEvents): PipeSource {
  if (runtime === 'bun') return bunSource(descriptor, events);
  return SocketSource.open(descriptor, events);
}

/** Writes to `descriptor`, otherwise as `openSource`. `failed` is told what happens while nothing is written. */
export function openSink(descriptor: number, failed: (error: Error) => void): PipeSink {
  return runtime === 'bun' ? bunSink(descriptor) : SocketSink.open(descriptor, failed);
}
