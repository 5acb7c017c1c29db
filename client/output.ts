import type { Child } from './child';
import type { ExitStatus } from './exit-status';
import type { PipeReader } from './pipe-reader';

/** What a program has written, and how it ended (`std::process::Output`). */
export interface Output {
  status: ExitStatus;
  /** Empty where standard output was not piped. */
  stdout: Buffer;
  /** Empty where standard error was not piped. */
  stderr: Buffer;
}

/** Reads all that `child` writes, and waits for its end. Where that fails, nothing is left behind. */
export async function collectOutput(child: Child): Promise<Output> {
  child.stdin?.end();
  try {
    const [stdout, stderr, status] = await Promise.all([
      readAll(child.stdout),
      readAll(child.stderr),
      child.wait(),
    ]);
    return { status, stdout, stderr };
  } catch (error) {
    child.stdout?.destroy();
    child.stderr?.destroy();
    // What it failed with is told; that it may have ended meanwhile is no news.
    child.kill().catch(() => {});
    throw error;
  }
}

async function readAll(pipe: PipeReader | null): Promise<Buffer> {
  return pipe === null ? Buffer.alloc(0) : pipe.bytes();
}
