import { checkNoMore } from '../check/check-calls';
import { checkOptions, knownOptions } from '../check/check-options';
import { type AbortSignalLike, watchSignal } from './abort';
import type { ChildEvent } from './child-event';
import { listen } from './event-hub';

/** When `childEvents` ends. */
export interface ChildEventsOptions {
  /** Ends the iterator at once when it is aborted. */
  signal?: AbortSignalLike;
}

/**
 * The deaths, stops and continuations of all children of all helpers, of those too whose handle was dropped, in the order
 * in which their helper saw them (`child_events` of the crate). They count from the call on, not from the first `next()`,
 * and each iterator gets all of them, however slow it is. There are none of `statusSync` and `outputSync`, of what was
 * ended before its spawn resolved, and of children whose helper was lost.
 *
 * While an iterator is open, every child that lives keeps the event loop alive, also after `Child.unref`; without one, it
 * does not, and an adopted orphan does not either. Leaving the loop, `return()` and `options.signal` close the iterator.
 */
export function childEvents(options?: ChildEventsOptions): AsyncIterableIterator<ChildEvent>;
export function childEvents(
  options: ChildEventsOptions = {},
  ...extra: unknown[]
): AsyncIterableIterator<ChildEvent> {
  checkNoMore('childEvents', 1, extra);
  checkOptions('childEvents', options, CHILD_EVENTS_OPTIONS);
  return new EventIterator(options);
}

const CHILD_EVENTS_OPTIONS = knownOptions<ChildEventsOptions>({ signal: true });

const END: IteratorReturnResult<undefined> = { done: true, value: undefined };

class EventIterator implements AsyncIterableIterator<ChildEvent> {
  /** Those to be taken next, the last one first; and those after them, in order. Neither has to be moved along. */
  private sooner: ChildEvent[] = [];
  private later: ChildEvent[] = [];
  private waiting: ((result: IteratorResult<ChildEvent>) => void)[] = [];
  private readonly close: () => void;
  private isOver = false;

  constructor({ signal }: ChildEventsOptions) {
    const watch = watchSignal(signal);
    const stopListening = listen(event => this.take(event));
    const unwatch = watch?.onAbort(() => this.end()) ?? (() => {});
    this.close = () => {
      stopListening();
      unwatch();
    };
    if (watch?.aborted) this.end();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<ChildEvent>> {
    const event = this.first();
    if (event !== undefined) return Promise.resolve({ done: false, value: event });
    if (this.isOver) return Promise.resolve(END);
    return new Promise(resolve => this.waiting.push(resolve));
  }

  return(): Promise<IteratorResult<ChildEvent>> {
    this.end();
    return Promise.resolve(END);
  }

  private take(event: ChildEvent): void {
    const resolve = this.waiting.shift();
    if (resolve === undefined) this.later.push(event);
    else resolve({ done: false, value: event });
  }

  private first(): ChildEvent | undefined {
    if (this.sooner.length === 0) {
      this.sooner = this.later.reverse();
      this.later = [];
    }
    return this.sooner.pop();
  }

  private end(): void {
    this.isOver = true;
    this.close();
    this.sooner = [];
    this.later = [];
    for (const resolve of this.waiting.splice(0)) resolve(END);
  }
}
