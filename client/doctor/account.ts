import { userInfo } from 'os';
import { runtime } from '../runtime';
import type { HostFiles } from './host-files';

/** The name of the account that has this uid, or null if there is none. */
export function accountName(files: HostFiles, uid: number): string | null {
  const own = files
    .lines('/etc/passwd')
    .map(line => line.split(':'))
    .find(fields => fields[2] === `${uid}`);
  if (own !== undefined) return own[0]!;
  // On Bun, it is what the environment says.
  if (runtime === 'bun') return null;
  try {
    // A directory service may have accounts that the file does not have.
    return userInfo().username;
  } catch {
    return null;
  }
}
