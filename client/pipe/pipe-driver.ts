/** What a driver calls back when it is closed. */
export type Closed = (error?: Error | null) => void;

/** What is read from a pipe, and what becomes of the pipe. */
export interface SourceEvents {
  /** Returns whether more is wanted; if not, `pull` asks for it later. */
  data(chunk: Buffer): boolean;
  end(): void;
  error(error: Error): void;
}

/** How the runtime reads from a pipe. Nothing is read before the first `pull`. */
export interface PipeSource {
  /** Asks for more. Until that is there, the event loop is kept alive. */
  pull(): void;
  /** Closes the pipe, whether something is being read or not. */
  close(callback: Closed): void;
}

/** How the runtime writes to a pipe. */
export interface PipeSink {
  /** Calls back when all of `chunk` is in the pipe. Not before that, it is called again. */
  write(chunk: Buffer, callback: Closed): void;
  /** Closes the pipe. */
  close(callback: Closed): void;
}
