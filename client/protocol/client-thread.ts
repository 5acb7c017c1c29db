import { readlinkSync } from 'fs';

/** The number of this thread, or null if it is the first one of the process, whose number is that of the process. */
export function clientThread(): number | null {
  try {
    const [, pid, thread] = /^(\d+)\/task\/(\d+)$/.exec(readlinkSync('/proc/thread-self'))!;
    // In another pid namespace, /proc has other numbers.
    return Number(pid) !== process.pid || pid === thread ? null : Number(thread);
  } catch {
    return null;
  }
}
