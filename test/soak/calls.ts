import { readFileSync } from 'fs';

/** A system call that a process has made, which may be one that was made to fail. */
export interface Call {
  pid: number;
  name: string;
  /** Which of the process's calls of this name it is, from 1 on. */
  position: number;
  injected: boolean;
}

/** What `strace -f -o` has written, as far as it is about the helper, and about processes that have executed nothing yet. */
export class CallLog {
  /** In the order of their making, the helper first. */
  readonly pids: number[] = [];
  readonly calls: Call[] = [];
  private readonly killed = new Set<number>();

  /** The first process in the file is the helper, where it is not said who is. */
  constructor(file: string, helper: number | null = null) {
    if (helper !== null) this.pids.push(helper);
    const executed = new Set<number>();
    const counts = new Map<string, number>();
    for (const line of readFileSync(file, 'utf8').split('\n')) {
      const [, number, rest] = /^(\d+) +(.*)$/.exec(line) ?? [];
      if (number === undefined || rest === undefined) continue;
      const pid = Number(number);
      if (this.pids.length === 0) this.pids.push(pid);
      if (rest.startsWith('+++ killed by SIGKILL')) this.killed.add(pid);
      const isHelper = pid === this.pids[0];
      // A call that the trace of another process has interrupted has its end on a line of its own.
      const [, begun, resumed] = /^(?:(\w+)\(|<\.\.\. (\w+) resumed>)/.exec(rest) ?? [];
      const name = begun ?? resumed;
      if (name === undefined || executed.has(pid)) continue;
      const key = `${pid} ${name}`;
      if (begun !== undefined) {
        counts.set(key, (counts.get(key) ?? 0) + 1);
        this.calls.push({ pid, name, position: counts.get(key)!, injected: false });
      }
      if (/\(INJECTED\)/.test(rest)) this.markInjected(pid, name, counts.get(key)!);
      const [, made] = /^(?:clone3?|v?fork)$/.test(name) ? (/ = (\d+)(?: |$)/.exec(rest) ?? []) : [];
      if (made !== undefined && made !== '0') this.pids.push(Number(made));
      if (name === 'execve' && !isHelper && / = 0$/.test(rest)) executed.add(pid);
    }
  }

  private markInjected(pid: number, name: string, position: number): void {
    const call = this.calls.find(one => one.pid === pid && one.name === name && one.position === position);
    if (call !== undefined) call.injected = true;
  }

  /** The processes whose call of this name at this position was made to fail, or to be the last. */
  hit(name: string, position: number, byDeath: boolean): number[] {
    const calls = this.calls.filter(call => call.name === name && call.position === position);
    return calls.filter(call => (byDeath ? this.isLast(call) : call.injected)).map(({ pid }) => pid);
  }

  private isLast(call: Call): boolean {
    return (
      this.killed.has(call.pid) &&
      !this.calls.some(
        other => other.pid === call.pid && this.calls.indexOf(other) > this.calls.indexOf(call),
      )
    );
  }

  /** How often the process makes each call. */
  countsOf(pid: number): Map<string, number> {
    const counts = new Map<string, number>();
    for (const call of this.calls) if (call.pid === pid) counts.set(call.name, call.position);
    return counts;
  }
}
