import type { Child } from './child';
import type { ExitStatus } from './exit-status';

/** A child that has ended, and that nobody has waited for. */
export interface Unclaimed {
  readonly pid: number;
  readonly status: ExitStatus;
  /** The handle, or null for an adopted orphan. */
  child(): Child | null;
}

/** Those that nobody has claimed yet, from the oldest on. */
export class UnclaimedDeaths {
  private readonly deaths = new Set<Unclaimed>();
  private readonly max: number;

  constructor(max: number) {
    this.max = max;
  }

  get size(): number {
    return this.deaths.size;
  }

  /** The oldest goes where there are too many. */
  add(death: Unclaimed): void {
    this.deaths.add(death);
    if (this.deaths.size <= this.max) return;
    for (const oldest of this.deaths) {
      this.deaths.delete(oldest);
      return;
    }
  }

  /** Returns whether nobody has claimed it before. */
  claim(death: Unclaimed): boolean {
    return this.deaths.delete(death);
  }

  list(): Unclaimed[] {
    return [...this.deaths];
  }
}

/** All of this thread. */
export const unclaimed = new UnclaimedDeaths(65_536);
