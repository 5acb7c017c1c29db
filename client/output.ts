import type { AbortWatch } from './abort';
import type { Child } from './child';
import type { ExitStatus } from './exit-status';
import type { PipeReader } from './pipe-reader';
import { unlessAborted } from './unless-aborted';

/** What a program has written, and how it ended (`std::process::Output`). */
export interface Output {
  status: ExitStatus;
  /** Empty where standard output was not piped. */
  stdout: Buffer;
  /** Empty where standard error was not piped. */
  stderr: Buffer;
}

/** Waits for the end of `child`. Its pipes, which nobody is given, are closed then. */
export async function awaitStatus(child: Child, watch: AbortWatch | null): Promise<ExitStatus> {
  child.neglectPipes();
  try {
    return await unlessAborted(watch, child, child.wait());
  } finally {
    child.closePipes();
  }
}

/** Reads all that `child` writes, and waits for its end. Where that fails, nothing is left behind. */
export async function collectOutput(child: Child, watch: AbortWatch | null): Promise<Output> {
  const pipes = [child.takePipeReader(1), child.takePipeReader(2)] as const;
  child.neglectPipes();
  try {
    const [stdout, stderr, status] = await unlessAborted(
      watch,
      child,
      Promise.all([readAll(pipes[0]), readAll(pipes[1]), child.wait()]),
    );
    return { status, stdout, stderr };
  } catch (error) {
    for (const pipe of pipes) pipe?.destroy();
    // What it failed with is told; that it may have ended meanwhile is no news.
    child.kill().catch(() => {});
    throw error;
  } finally {
    child.closePipes();
  }
}

async function readAll(pipe: PipeReader | null): Promise<Buffer> {
  return pipe === null ? Buffer.alloc(0) : pipe.bytes();
}
