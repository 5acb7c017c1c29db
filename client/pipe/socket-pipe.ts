import { Socket } from 'net';
import type { Closed, PipeSink, PipeSource, SourceEvents } from './pipe-driver';
import { ReadBuffer } from './read-buffer';

/** A socket of Node's that drives a descriptor, and knows whether it is closed. */
class Closable {
  private isClosed = false;

  constructor(readonly socket: Socket) {
    socket.once('close', () => {
      this.isClosed = true;
    });
  }

  close(callback: Closed): void {
    if (this.isClosed) {
      callback();
      return;
    }
    this.socket.once('close', () => callback());
    this.socket.destroy();
  }
}

/** Reads from a pipe by Node's own loop. */
export class SocketSource extends Closable implements PipeSource {
  static open(descriptor: number, events: SourceEvents): SocketSource {
    const buffer = new ReadBuffer();
    // With a buffer of its own, the socket hands each read over at once, without being a stream in between.
    const socket = new Socket({
      fd: descriptor,
      readable: true,
      writable: false,
      onread: {
        buffer: () => buffer.space,
        callback: length => events.data(buffer.take(length)),
      },
    });
    socket.once('end', () => events.end());
    socket.on('error', error => events.error(error));
    return new SocketSource(socket);
  }

  pull(): void {
    this.socket.resume();
  }
}

/** Reads from a pipe whose socket reads by itself, as those that `child_process` has made do. */
export class RuntimeSource extends Closable implements PipeSource {
  private isWanted = false;
  private readonly events: SourceEvents;

  constructor(socket: Socket, events: SourceEvents) {
    super(socket);
    this.events = events;
    // Not before somebody asks. A listener of this kind is also what keeps `child_process` from throwing away, at the
    // end of the process, what was not read.
    socket.on('readable', () => this.deliver());
    socket.once('end', () => events.end());
    socket.on('error', error => events.error(error));
  }

  pull(): void {
    this.socket.ref();
    this.isWanted = true;
    this.deliver();
  }

  private deliver(): void {
    if (!this.isWanted) return;
    const chunk = this.socket.read() as Buffer | null;
    if (chunk === null) return;
    this.isWanted = false;
    this.events.data(chunk);
  }
}

/** Writes to a pipe by Node's own loop; also to one that `child_process` has made. */
export class SocketSink extends Closable implements PipeSink {
  static open(descriptor: number, failed: (error: Error) => void): SocketSink {
    return new SocketSink(new Socket({ fd: descriptor, readable: false, writable: true }), failed);
  }

  constructor(socket: Socket, failed: (error: Error) => void) {
    super(socket);
    socket.on('error', failed);
  }

  write(chunk: Buffer, callback: Closed): void {
    this.socket.ref().write(chunk, error => callback(error));
  }
}
