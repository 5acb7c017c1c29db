import { clearInterval, setInterval } from 'timers';

/**
 * Commands that may be on their way to their program at once, as far as the client can tell. Each has its pipes open in the
 * helper as well meanwhile, and whatever is forked there copies all of them: more would need a higher limit on open files
 * than the program itself, and take longer.
 */
export const LAUNCHES_MAX = 128;

/**
 * How long the helper may answer nothing before those that it was asked for are taken for slow: so many turns of the event
 * loop, so many milliseconds apart. One turn would not do, as answers may wait where this process has stood still.
 */
export const TURN_MS = 100;
const SILENT_TURNS = 5;

/** Lets so many commands go to the helper at once, and keeps the others in order. */
export class LaunchWindow {
  private readonly counted = new Set<number>();
  private readonly waiting = new Map<number, () => void>();
  private timer: NodeJS.Timeout | null = null;
  private silentTurns = 0;

  /** Calls `send` for this command, now or when it is its turn. */
  enter(command: number, send: () => void): void {
    if (this.counted.size < LAUNCHES_MAX) {
      this.counted.add(command);
      send();
      return;
    }
    this.waiting.set(command, send);
    this.timer ??= setInterval(() => this.turn(), TURN_MS);
  }

  /** The helper has answered for this command. */
  leave(command: number): void {
    this.silentTurns = 0;
    if (this.counted.delete(command)) this.fill();
  }

  /** Takes back a command that waits. Returns whether it did. */
  withdraw(command: number): boolean {
    const waited = this.waiting.delete(command);
    if (this.waiting.size === 0) this.stopTimer();
    return waited;
  }

  /** Lets all that wait go. */
  open(): void {
    for (const [command, send] of this.waiting) {
      this.waiting.delete(command);
      send();
    }
    this.stopTimer();
  }

  /** Forgets all that wait. */
  clear(): void {
    this.waiting.clear();
    this.stopTimer();
  }

  /** A program on a dead network mount may never start, and must not hold up the others. */
  private turn(): void {
    this.silentTurns += 1;
    if (this.silentTurns < SILENT_TURNS) return;
    this.silentTurns = 0;
    this.counted.clear();
    this.fill();
  }

  private fill(): void {
    for (const [command, send] of this.waiting) {
      if (this.counted.size >= LAUNCHES_MAX) return;
      this.waiting.delete(command);
      this.counted.add(command);
      send();
    }
    this.stopTimer();
  }

  private stopTimer(): void {
    if (this.timer !== null) clearInterval(this.timer);
    this.timer = null;
  }
}
