import { readFileSync, readlinkSync } from 'fs';
import { join } from 'path';

/** The files of the machine that tell what it allows. `root` stands for `/`. */
export class HostFiles {
  private readonly root: string;

  constructor(root = '/') {
    this.root = root;
  }

  /** What the file has, or null where it cannot be read. */
  read(path: string): string | null {
    try {
      return readFileSync(join(this.root, path), 'utf8');
    } catch {
      return null;
    }
  }

  /** The lines of a file that are neither empty nor comments; none where it cannot be read. */
  lines(path: string): string[] {
    const lines = (this.read(path) ?? '').split('\n').map(line => line.trim());
    return lines.filter(line => line !== '' && !line.startsWith('#'));
  }

  /** Where the symbolic link leads, or null where there is none. */
  link(path: string): string | null {
    try {
      return readlinkSync(join(this.root, path));
    } catch {
      return null;
    }
  }

  /** The setting of this path in /proc/sys, or null where there is none. */
  readonly setting = (name: string): string | null => {
    const text = this.read(`/proc/sys/${name}`);
    return text === null ? null : text.trim();
  };
}
