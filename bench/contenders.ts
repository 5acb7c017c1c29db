import { type StdioOptions, spawn } from 'child_process';
import { Command } from 'unshare';
import { baseline, library } from './comparison';
import { exit } from './fixtures';

/** A way to run the program that exits at once, without stdio. */
export interface Contender {
  name: string;
  /** Calls what starts the program before it returns; resolves when the program has ended. */
  run(): Promise<void>;
}

/** The plain program. */
export const plain: Contender[] = [
  { name: library, run: () => runCommand(command()) },
  { name: baseline, run: () => runChild(exit, []) },
];

/** Another package for the same, which is an ES module. */
export async function loadExeca(): Promise<Contender> {
  const { execa } = await import('execa');
  return {
    name: 'execa',
    run: async () => {
      await execa(exit, { stdio: 'ignore' });
    },
  };
}

/** The program in five new namespaces, with its own ids as 0, beside the *plain* baseline. */
export const sandboxed: Contender[] = [
  { name: library, run: () => runCommand(sandbox(command())) },
  { name: baseline, run: () => runChild(exit, []) },
];

/** Tools for the same that may be installed, started as a JavaScript program has to start them. */
export const tools: Contender[] = [
  { name: 'unshare(1)', run: () => runChild('unshare', ['-Urmpui', '--fork', exit]) },
  { name: 'bwrap', run: () => runChild('bwrap', [...bwrapOptions, exit]) },
];

const bwrapOptions = [
  ...['--unshare-user', '--unshare-pid', '--unshare-uts', '--unshare-ipc'],
  // It always makes a mount namespace, and shows nothing in it without this.
  ...['--uid', '0', '--gid', '0', '--bind', '/', '/'],
];

function command(): Command {
  return new Command(exit).arg('0').stdin('null').stdout('null').stderr('null');
}

function sandbox(plainCommand: Command): Command {
  return plainCommand
    .unshare('user', 'pid', 'mount', 'uts', 'ipc')
    .setIdMaps(
      [{ insideUid: 0, outsideUid: process.geteuid!(), count: 1 }],
      [{ insideGid: 0, outsideGid: process.getegid!(), count: 1 }],
    );
}

export async function runCommand(ready: Command): Promise<void> {
  const child = await ready.spawn();
  const status = await child.wait();
  if (!status.success) throw new Error(`${exit}: ${status}`);
}

export function runChild(program: string, args: string[], stdio: StdioOptions = 'ignore'): Promise<void> {
  const child = spawn(program, args, { stdio });
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code, signal) => {
      if (code === 0) resolve();
      else reject(new Error(`${program} ended with ${signal ?? `status ${code}`}`));
    });
  });
}
