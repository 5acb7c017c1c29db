import { execFileSync } from 'child_process';
import { chmodSync, mkdtempSync } from 'fs';
import { tmpdir } from 'os';
import * as path from 'path';

const directories: string[] = [];

/**
 * A new directory that everybody can enter, and that is removed with all it holds however this process ends.
 */
export function makeScratch(): string {
  const directory = mkdtempSync(path.join(tmpdir(), 'unshare-test-'));
  chmodSync(directory, 0o755);
  if (directories.length === 0) process.on('exit', removeAll);
  directories.push(directory);
  return directory;
}

function removeAll(): void {
  // Not all versions of Node can remove a directory tree, and none that can agree on how.
  execFileSync('rm', ['-rf', '--', ...directories]);
}
