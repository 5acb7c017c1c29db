import { writeFileSync } from 'fs';
import * as path from 'path';
import { type Child, Command } from 'unshare';
import { makeScratch } from './scratch';
import { packageRoot, runtimePath } from './support';

export const CTRL_C = '\x03';
export const CTRL_Z = '\x1a';

/** A shell with job control in a terminal of its own, and what it shows. */
export class Terminal {
  private text = '';
  private readonly child: Child;
  private waiting: (() => void) | null = null;

  static async open(): Promise<Terminal> {
    const shell = 'exec bash --norc --noprofile -i';
    const child = await new Command('/usr/bin/script')
      .args(['-qfec', shell, '/dev/null'])
      .env('PS1', '$ ')
      .env('TERM', 'dumb')
      .stdin('piped')
      .stdout('piped')
      .stderr('piped')
      .spawn();
    return new Terminal(child);
  }

  private constructor(child: Child) {
    this.child = child;
    child.stdout!.on('data', chunk => {
      this.text += chunk;
      this.waiting?.();
    });
  }

  type(keys: string): void {
    this.child.stdin!.write(keys);
  }

  /** Waits until `expected` was shown, at any time. Returns what a group of it has matched. */
  async shows(expected: string | RegExp): Promise<string | undefined> {
    for (;;) {
      if (typeof expected === 'string' && this.text.includes(expected)) return undefined;
      const found = typeof expected === 'string' ? null : expected.exec(this.text);
      if (found !== null) return found[1];
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`not shown: ${expected}, but ${this.text}`)), 10_000);
        this.waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  hasShown(text: string): boolean {
    return this.text.includes(text);
  }

  async close(): Promise<void> {
    await this.child.kill().catch(() => {});
    await this.child.wait();
  }
}

/** A client in the foreground; the command line that starts it. It logs strings: other values are in colours on some runtimes. */
export function client(code: string): string {
  const file = path.join(makeScratch(), 'client.js');
  writeFileSync(file, `const unshare = require(${JSON.stringify(packageRoot)});\n${code}`);
  return `${runtimePath} ${file}\n`;
}

/** The command line of `unshare run`. */
export function cli(words: string): string {
  return `${runtimePath} ${path.join(packageRoot, 'dist/client/cli.js')} run ${words}\n`;
}
