import { closeSync, constants, openSync } from 'fs';
import { Socket, type SocketConstructorOpts } from 'net';
import { errnoOf } from './errno';
import { UnshareError } from './error';
import { type HeldDescriptor, holdDescriptor } from './forgotten-descriptors';

/** What is done with the client's end of a pipe. */
export type PipeDirection = 'read' | 'write';

/**
 * The descriptor of a pipe's end, and the socket that Node drives it with. The socket is not made before
 * somebody asks for it, so that nothing is read, and the event loop is not kept alive, until then.
 *
 * Where the runtime has made the pipe, there is a socket from the start, and no descriptor to be had.
 */
export class PipeEnd {
  private readonly direction: PipeDirection;
  /** Null once it was closed, was given away or belongs to the socket. Closed as well where all this is forgotten. */
  private readonly held: HeldDescriptor;
  private opened: Socket | null = null;
  private readonly isRuntimes: boolean;
  private socketClosed = false;

  /** Takes over a descriptor, which has O_NONBLOCK set, or a socket that nothing was read from. */
  constructor(source: number | Socket, direction: PipeDirection) {
    this.direction = direction;
    this.isRuntimes = typeof source !== 'number';
    this.held = typeof source === 'number' ? holdDescriptor(this, source) : { number: null };
    if (typeof source !== 'number') this.adopt(source);
  }

  /** The socket, where there is one yet. */
  get socket(): Socket | null {
    return this.opened;
  }

  /** Makes the socket. Must not be called twice, or after the descriptor is gone. */
  open(options: Pick<SocketConstructorOpts, 'onread'> = {}): Socket {
    const socket = new Socket({
      ...options,
      fd: this.held.number!,
      readable: this.direction === 'read',
      writable: this.direction === 'write',
    });
    this.held.number = null;
    this.adopt(socket);
    return socket;
  }

  /**
   * Gives the descriptor away, in blocking mode. The mode belongs to the open file, not to the descriptor,
   * and JavaScript cannot change it: so the pipe is opened anew.
   */
  take(): number {
    if (this.isRuntimes) {
      throw new UnshareError({
        stage: 'PipeError',
        doing: 'cannot hand over the descriptor of a pipe',
        reason: "the runtime has made it, since the helper's cannot be opened here",
      });
    }
    if (this.held.number === null) throw new Error('the pipe is in use, or closed already');
    const path = `/proc/self/fd/${this.held.number}`;
    const mode = this.direction === 'read' ? constants.O_RDONLY : constants.O_WRONLY;
    let blocking: number;
    try {
      blocking = openSync(path, mode);
    } catch (cause) {
      throw new UnshareError({ stage: 'PipeError', errno: errnoOf(cause), syscall: 'open', path, cause });
    }
    closeSync(this.held.number);
    this.held.number = null;
    return blocking;
  }

  /** Closes the descriptor where that was not done. Calls back when it is closed. */
  close(callback: (error?: Error | null) => void): void {
    if (this.opened === null) {
      this.closeDescriptor(callback);
    } else if (this.socketClosed) {
      callback();
    } else {
      this.opened.once('close', () => callback());
      this.opened.destroy();
    }
  }

  private adopt(socket: Socket): void {
    this.opened = socket;
    socket.once('close', () => {
      this.socketClosed = true;
    });
  }

  private closeDescriptor(callback: (error?: Error | null) => void): void {
    const descriptor = this.held.number;
    this.held.number = null;
    try {
      if (descriptor !== null) closeSync(descriptor);
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback();
  }
}
