import type { OrphanEvents } from './channel';
import { tell } from './event-hub';
import { toExitStatus } from './exit-status-message';
import { signalName } from './signals';
import { unclaimed } from './unclaimed';

/** Makes events and zombies of what a helper tells of the processes that it has adopted. */
export const orphanEvents: OrphanEvents = {
  stopped(pid, signal) {
    tell({ type: 'stop', pid, child: null, signal: signalName(signal) });
  },
  continued(pid) {
    tell({ type: 'continue', pid, child: null });
  },
  died(pid, message) {
    const status = toExitStatus(message);
    unclaimed.add({ pid, status, child: () => null });
    tell({ type: 'death', pid, child: null, status });
  },
};
