import { EventEmitter } from 'events';
import type { AbortSignalLike } from '../client/process/abort';

/** An `AbortController` for every runtime, and its signal: a list of listeners. */
export class Controller implements AbortSignalLike {
  aborted = false;
  reason: unknown;
  private readonly events = new EventEmitter();

  get listeners(): number {
    return this.events.listenerCount('abort');
  }

  addEventListener(type: 'abort', listener: () => void): void {
    this.events.on(type, listener);
  }

  removeEventListener(type: 'abort', listener: () => void): void {
    this.events.removeListener(type, listener);
  }

  abort(reason?: unknown): void {
    this.aborted = true;
    this.reason = reason;
    this.events.emit('abort');
  }
}
