/** What may end a command before its time, and how. */
export interface Watch {
  /** Whether the command is to end. */
  readonly aborted: boolean;
  /** Why. */
  readonly reason: unknown;
  /** The number of the signal that the program gets. */
  readonly killSignal: number;
  /** How many milliseconds later it gets SIGKILL; null for never. */
  readonly forceKillAfter: number | null;
  /** Whether the whole process group of the program gets it. */
  readonly killsGroup: boolean;
  /** Calls back when the command is to end, and not before this returns. Returns what ends that. */
  onAbort(callback: () => void): () => void;
}
