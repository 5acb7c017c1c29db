import { checkNoMore } from '../check/check-calls';
import type { Child } from './child';
import { sources } from './event-hub';
import type { ExitStatus } from './exit-status';
import { unclaimed } from './unclaimed';

/** Process id and status of a child that has ended. */
export type ReapedChild = [pid: number, status: ExitStatus] & {
  /** The handle; null for an orphan that the helper has adopted. */
  readonly child: Child | null;
};

/**
 * The children that are dead now and that nobody has waited for, each once (`reap_zombies` of the crate). Waited for is
 * one whose status was delivered by `wait`, `status`, `output` or `tryWait`, or here; `childEvents` does not count. Unlike
 * with the crate, `Child.wait` stays reliable besides.
 *
 * At most 65,536 of them are kept, and the oldest are dropped. Without anybody who waits or reaps, that is what they cost.
 */
export function reapZombies(): AsyncIterableIterator<ReapedChild>;
export function reapZombies(...extra: unknown[]): AsyncIterableIterator<ReapedChild> {
  checkNoMore('reapZombies', 0, extra);
  return reap();
}

async function* reap(): AsyncIterableIterator<ReapedChild> {
  // What is dead may not have been told yet. Of a helper that is lost meanwhile, there is nothing more to know.
  await Promise.all([...sources].map(source => source.reap().catch(() => {})));
  for (const death of unclaimed.list()) {
    // Somebody may have waited for it since.
    if (!unclaimed.claim(death)) continue;
    yield Object.assign([death.pid, death.status] as [number, ExitStatus], { child: death.child() });
  }
}
