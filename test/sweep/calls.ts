import { readFileSync } from 'fs';

/**
 * How often the helper, or a process that it has made and that has executed nothing yet, makes each system
 * call: the most that one of them does. `log` is what `strace -f -o` has written.
 */
export function countCalls(log: string): Map<string, number> {
  const most = new Map<string, number>();
  const processes = new Map<string, Map<string, number>>();
  const finished = new Set<string>();
  let helper: string | null = null;
  for (const line of readFileSync(log, 'utf8').split('\n')) {
    const [, pid, call] = /^(\d+) +(\w+)\(/.exec(line) ?? [];
    if (!pid || !call) {
      // What a process calls after a call of execve that was interrupted by the trace of another process.
      const [, executed] = /^(\d+) +<\.\.\. execve resumed>.*= 0$/.exec(line) ?? [];
      if (executed && executed !== helper) finished.add(executed);
      continue;
    }
    helper ??= pid;
    if (finished.has(pid)) continue;
    const counts = processes.get(pid) ?? new Map<string, number>();
    processes.set(pid, counts);
    const count = (counts.get(call) ?? 0) + 1;
    counts.set(call, count);
    most.set(call, Math.max(most.get(call) ?? 0, count));
    if (call === 'execve' && pid !== helper && line.endsWith(' = 0')) finished.add(pid);
  }
  return most;
}
