import { closeSync, constants, openSync } from 'fs';
import { errnoOf } from '../error/errno';
import { UnshareError } from '../error/error';
import { type HeldDescriptor, holdDescriptor } from './forgotten-descriptors';
import type { Closed } from './pipe-driver';

/** What is done with the client's end of a pipe. */
export type PipeDirection = 'read' | 'write';

/**
 * The descriptor of a pipe's end, and what drives it. There is no driver before somebody asks for it, so that nothing is
 * read, and the event loop is not kept alive, until then.
 *
 * Where the runtime has made the pipe, there is a driver from the start, and no descriptor to be had.
 */
export class PipeEnd<Driver extends { close(callback: Closed): void }> {
  private readonly direction: PipeDirection;
  /** Null once it was closed, was given away or belongs to the driver. Closed as well where all this is forgotten. */
  private readonly held: HeldDescriptor;
  private opened: Driver | null = null;
  private readonly isRuntimes: boolean;

  /** Takes over a descriptor, which has O_NONBLOCK set, or the driver of a pipe that nothing was read from. */
  constructor(source: number | Driver, direction: PipeDirection) {
    this.direction = direction;
    this.isRuntimes = typeof source !== 'number';
    this.held = typeof source === 'number' ? holdDescriptor(this, source) : { number: null };
    if (typeof source !== 'number') this.opened = source;
  }

  /** The driver, which `open` makes where there is none yet. Must not be asked for when the descriptor is gone. */
  driver(open: (descriptor: number) => Driver): Driver {
    if (this.opened === null) {
      this.opened = open(this.held.number!);
      this.held.number = null;
    }
    return this.opened;
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
  close(callback: Closed): void {
    if (this.opened !== null) this.opened.close(callback);
    else this.closeDescriptor(callback);
  }

  private closeDescriptor(callback: Closed): void {
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
