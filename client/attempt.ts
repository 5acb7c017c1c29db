/**
 * Does what may fail though nothing is wrong. To `ref`, `unref` or `kill` a process that has ended, and whose end is not
 * told yet, does nothing on Node, and throws BadResource on Deno; in a timer nobody would catch that.
 */
export function attempt(action: () => void): void {
  try {
    action();
  } catch {
    // It has ended already.
  }
}
