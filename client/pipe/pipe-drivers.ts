import { runtime } from '../runtime';
import { bunSink, bunSource } from './bun-pipe';
import type { PipeSink, PipeSource, SourceEvents } from './pipe-driver';
import { SocketSink, SocketSource } from './socket-pipe';

/** Reads from `descriptor`, which has O_NONBLOCK set, and belongs to the source from now on. */
export function openSource(descriptor: number, events: SourceEvents): PipeSource {
  if (runtime === 'bun') return bunSource(descriptor, events);
  return SocketSource.open(descriptor, events);
}

/** Writes to `descriptor`, otherwise as `openSource`. `failed` is told what happens while nothing is written. */
export function openSink(descriptor: number, failed: (error: Error) => void): PipeSink {
  return runtime === 'bun' ? bunSink(descriptor) : SocketSink.open(descriptor, failed);
}
