import type { Host } from './host';

/** Where something is mounted, in the mount namespace of this process. */
export function mountPoints(host: Host): string[] {
  return host.files.lines('/proc/self/mountinfo').map(line => line.split(' ')[4] ?? '');
}
