import { isStoppedError } from '../helper/stop-watch';
import type { Child } from './child';
import type { Watch } from './watch';

/**
 * Settles as `work` does, unless the signal, which ends `child`, is aborted before: then it rejects with the
 * reason as soon as `child` has died, and does not wait for the rest of the work.
 */
export function unlessAborted<T>(watch: Watch | null, child: Child, work: Promise<T>): Promise<T> {
  if (watch === null) return work;
  return new Promise((resolve, reject) => {
    let aborted = false;
    const abort = () => {
      aborted = true;
      const rejectNow = () => reject(watch.reason);
      // If the helper is lost, so is the child.
      child.wait().then(rejectNow, error => (isStoppedError(error) ? reject(error) : rejectNow()));
    };
    const stop = watch.onAbort(abort);
    work
      .then(
        value => {
          if (!aborted) resolve(value);
        },
        error => {
          if (!aborted) reject(error);
        },
      )
      .then(stop);
    // It may have been between the start of the child and now.
    if (watch.aborted) abort();
  });
}
