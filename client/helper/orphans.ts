import { tell } from '../process/event-hub';
import { unclaimed } from '../process/unclaimed';
import type { OrphanEvents } from '../protocol/channel';
import { toExitStatus } from '../protocol/exit-status-message';
import { signalName } from '../signals';

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
