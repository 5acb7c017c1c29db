import type { ChildEvent } from './child-event';

/** What somebody who wants to hear of children has to be told. */
type Listener = (event: ChildEvent) => void;

/** A helper's side of it. */
export interface EventSource {
  /** Whether somebody listens has changed. */
  updateReference(): void;
  /** Resolves when all that the helper's children have come to was told. */
  reap(): Promise<void>;
}

const listeners = new Set<Listener>();

/** The helpers that live. */
export const sources = new Set<EventSource>();

export function hasAudience(): boolean {
  return listeners.size > 0;
}

/** Tells everybody, in the order in which it is called. */
export function tell(event: ChildEvent): void {
  for (const listener of listeners) listener(event);
}

/** Returns what ends it. */
export function listen(listener: Listener): () => void {
  listeners.add(listener);
  if (listeners.size === 1) audienceChanged();
  return () => {
    if (listeners.delete(listener) && listeners.size === 0) audienceChanged();
  };
}

function audienceChanged(): void {
  for (const source of sources) source.updateReference();
}
