import { statSync } from 'fs';
import { join, sep } from 'path';

/** Where something is that lies in an archive of Electron's, and where it has to be for the kernel to find it. */
export interface Archived {
  archive: string;
  /** Beside the archive, where a packager puts what it is told to unpack. */
  unpacked: string;
}

/**
 * Tells whether `path` leads into an asar archive: one file that Electron shows to JavaScript as a directory.
 * Null where it does not.
 */
export function archived(path: string): Archived | null {
  const components = path.split(sep);
  for (const [index, component] of components.entries()) {
    if (!component.endsWith('.asar')) continue;
    const archive = components.slice(0, index + 1).join(sep);
    if (!isFile(archive)) continue;
    return { archive, unpacked: join(`${archive}.unpacked`, ...components.slice(index + 1)) };
  }
  return null;
}

/** As the kernel has it: Electron's `fs` shows an archive as a directory unless `process.noAsar` is set. */
function isFile(path: string): boolean {
  const { noAsar } = process as ElectronProcess;
  (process as ElectronProcess).noAsar = true;
  try {
    return statSync(path).isFile();
  } catch {
    return false;
  } finally {
    (process as ElectronProcess).noAsar = noAsar;
  }
}

type ElectronProcess = NodeJS.Process & { noAsar?: boolean | undefined };
