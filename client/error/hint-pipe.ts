import { readFileSync } from 'fs';
import { Errno } from './errno';

/** Why there can be no further pipe, or no further end of one (`man 2 pipe`, `man 7 pipe`). */
export function pipeHint(errno: number | null, read = readSetting): string | null {
  if (errno === Errno.EMFILE)
    return 'raise the limit on open files (`ulimit -n`): each pipe takes one of them';
  if (errno !== Errno.ENFILE) return null;
  const pages = read('pipe-user-pages-hard');
  return pages === '0'
    ? 'the machine has as many files open as fs.file-max says'
    : `the user’s pipes may have ${pages} pages in all (fs.pipe-user-pages-hard), or fs.file-max is reached`;
}

function readSetting(name: string): string {
  return readFileSync(`/proc/sys/fs/${name}`, 'utf8').trim();
}
