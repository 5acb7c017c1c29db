import { isatty } from 'tty';
import type { Child } from '../index';

/** Signals by which a terminal stops a job. */
const TERMINAL_STOPS: ReadonlySet<string> = new Set(['SIGTSTP', 'SIGTTIN', 'SIGTTOU']);

/** How long after stopping itself this process may still run, in milliseconds, before it knows that it was not stopped. */
const STOP_GRACE_MS = 200;

/** Whether the program has a terminal, so that it wants its foreground. */
export function hasTerminal(): boolean {
  return [0, 1, 2].some(descriptor => isatty(descriptor));
}

/**
 * Does for the program what a shell does for its jobs: the program leads its own process group in the client's session, so
 * that the shell knows nothing of it. A program that the terminal has stopped stops this process too, with all of its
 * group; and when the shell continues this process, the program goes on.
 */
export class Job {
  private readonly child: Child;
  /** Set while this process stops. */
  private grace: NodeJS.Timeout | null = null;
  private readonly continued = () => this.continueProgram();

  constructor(child: Child) {
    this.child = child;
    process.on('SIGCONT', this.continued);
  }

  /** The program was stopped. */
  stopped(signal: string): void {
    if (!TERMINAL_STOPS.has(signal)) return;
    if (this.grace !== null) clearTimeout(this.grace);
    this.grace = setTimeout(() => this.notStopped(signal), STOP_GRACE_MS);
    // The whole group: in a pipeline, the shell wants all of it to stop.
    process.kill(0, signal);
  }

  /** The program has ended. */
  close(): void {
    if (this.grace !== null) clearTimeout(this.grace);
    process.removeListener('SIGCONT', this.continued);
  }

  /**
   * The kernel does not stop a group that no shell would continue (an orphaned one). In such a group, a Ctrl-Z has no effect,
   * and reading from the terminal in the background fails: the program is ended as the kernel ends stopped orphans.
   */
  private notStopped(signal: string): void {
    this.grace = null;
    if (signal === 'SIGTSTP') this.continueProgram();
    else void this.signal('SIGHUP').then(() => this.signal('SIGCONT'));
  }

  private continueProgram(): void {
    if (this.grace !== null) clearTimeout(this.grace);
    this.grace = null;
    void this.signal('SIGCONT');
  }

  /** It may have ended meanwhile. */
  private signal(name: 'SIGHUP' | 'SIGCONT'): Promise<void> {
    return this.child.signal(name).catch(() => {});
  }
}
