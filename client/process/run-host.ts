import type { Doomed } from '../helper/stop-watch';
import type { PipeReader } from '../pipe/pipe-reader';
import type { PipeWriter } from '../pipe/pipe-writer';
import type { Channel } from '../protocol/channel';

/** What a run needs of the connection to its helper. */
export interface RunHost {
  readonly channel: Pick<Channel, 'spawn' | 'signal' | 'unfreeze' | 'abort' | 'releasePipes'>;
  /** The helper's path. */
  readonly path: string;
  /** Process id of the helper, or null if it could not be started. */
  readonly pid: number | null;
  /** Retires the helper if the client's identity has changed. Returns whether it is retired. */
  retireIfForeign(): boolean;
  /** Hands over the client's ends of the pipes that the runtime made, by their number in the program. */
  takeRuntimePipes(): Map<number, PipeReader | PipeWriter>;
  /** A command was requested. */
  commandBegins(): void;
  /** A command has failed or ended. */
  commandOver(): void;
  /** The helper owes an answer, until `answered` is called for the same key. If it is stopped, `doomed` ends with it. */
  expectAnswer(key: object, doomed: Doomed | null): void;
  /** The answer is there. */
  answered(key: object): void;
  /** Keeps the event loop alive until `unref` was called as often. */
  ref(): void;
  /** Undoes one `ref`. */
  unref(): void;
}
