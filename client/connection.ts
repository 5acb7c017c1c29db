import type { AbortWatch } from './abort';
import { Channel } from './channel';
import type { Child } from './child';
import type { UnshareError } from './error';
import { HelperProcess } from './helper-process';
import { Run } from './run';
import { toSpawnMessage } from './spawn-message';
import type { SpawnRequest } from './spawn-request';
import { startDirectory, workingDirectory } from './working-directory';

/** One helper process and the conversation with it, from its start to its end. It is not started again. */
export class Connection {
  readonly channel: Channel;
  /** The helper's path. */
  readonly path: string;
  private readonly process: HelperProcess;
  /** Where the helper was started, which is its working directory. */
  private readonly directory = workingDirectory();
  private references = 0;

  /** Starts the helper at `path`. Calls `lost` when no command can be started here any more. */
  constructor(path: string, lost: () => void) {
    this.path = path;
    this.process = new HelperProcess(path, {
      data: chunk => this.channel.receive(chunk),
      ended: error => {
        this.channel.fail(error);
        lost();
      },
    });
    this.channel = new Channel({
      path,
      write: bytes => this.process.write(bytes),
      failed: () => {
        lost();
        this.process.stop();
      },
    });
  }

  /**
   * Process id of the helper as the client's pid namespace has it, which need not be the one that the helper
   * tells in its Hello; null where it could not be started.
   */
  get pid(): number | null {
    return this.process.pid;
  }

  /** Starts a command, which ends when the signal is aborted, which it is not yet. */
  start(request: SpawnRequest, watch: AbortWatch | null): Promise<Child> {
    const current = workingDirectory();
    const startDir = startDirectory(current, this.directory, request);
    return Run.start(this, { request, message: toSpawnMessage(request, current, startDir) }, watch);
  }

  /** Ends the helper; what is pending rejects with `error`. Resolves when it has ended. */
  close(error: UnshareError): Promise<void> {
    this.channel.fail(error);
    return this.process.stop();
  }

  /** Keeps the event loop alive until `unref` was called as often. */
  ref(): void {
    this.references += 1;
    if (this.references === 1) this.process.ref();
  }

  /** Undoes one `ref`. */
  unref(): void {
    this.references -= 1;
    if (this.references === 0) this.process.unref();
  }
}
