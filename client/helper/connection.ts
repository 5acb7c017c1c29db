import { withAutoMaps } from '../command/auto-maps';
import type { SpawnRequest } from '../command/spawn-request';
import type { UnshareError } from '../error/error';
import type { unshare } from '../messages';
import { arePipesReachable } from '../pipe/open-pipes';
import { PipeReader } from '../pipe/pipe-reader';
import { PipeWriter } from '../pipe/pipe-writer';
import type { Child } from '../process/child';
import { type EventSource, hasAudience, sources } from '../process/event-hub';
import { Run } from '../process/run';
import type { Watch } from '../process/watch';
import { Channel } from '../protocol/channel';
import { toSpawnMessage } from '../protocol/spawn-message';
import { tracer } from '../protocol/trace';
import type { Carried } from './carried';
import { HelperProcess } from './helper-process';
import { clientIdentity, isClient } from './identity';
import { orphanEvents } from './orphans';
import { type Doomed, StopWatch, stoppedError } from './stop-watch';
import { startOf, type WorkingDirectory, workingDirectory } from './working-directory';

export interface ConnectionOptions {
  /** What the helper is given for its only command. */
  carried?: readonly Carried[];
  /** It adopts orphans. */
  subreaper?: boolean;
}

/** One helper process and the conversation with it, from its start to its end. It is not started again. */
export class Connection implements EventSource {
  readonly channel: Channel;
  /** The helper's path. */
  readonly path: string;
  /** Whom the helper was started by. */
  private readonly identity = clientIdentity();
  private readonly process: HelperProcess;
  /** Where the helper was started, which is its working directory. */
  readonly directory = workingDirectory();
  private readonly carried: readonly Carried[];
  private readonly stopWatch = new StopWatch(
    () => this.pid,
    () => this.process.kill(stoppedError(this.path, this.pid!)),
  );
  private runtimePipes = new Map<number, PipeReader | PipeWriter>();
  private references = 0;
  /** Commands that are neither refused nor dead. */
  private living = 0;
  private isReferenced = false;
  private isRetired = false;

  /**
   * Starts the helper at `path`; one that is given `carried` is for one command, and ends with it. Calls `lost` when no
   * command can be started here any more.
   */
  constructor(path: string, lost: () => void, { carried = [], subreaper = false }: ConnectionOptions = {}) {
    this.path = path;
    this.carried = carried;
    this.process = new HelperProcess(
      path,
      {
        data: chunk => {
          this.stopWatch.heard();
          this.channel.receive(chunk);
        },
        ended: error => {
          this.stopWatch.end();
          sources.delete(this);
          for (const pipe of this.takeRuntimePipes().values()) pipe.destroy();
          this.channel.fail(error);
          lost();
        },
      },
      carried,
    );
    this.runtimePipes = openRuntimePipes(this.process, carried);
    this.channel = new Channel({
      path,
      orphans: subreaper ? orphanEvents : null,
      trace: tracer(() => this.pid),
      write: bytes => this.process.write(bytes),
      hasWaited: () => this.retireIfForeign(),
      streamsEnded: () => this.stopIfOver(),
      failed: () => {
        lost();
        this.process.stop();
      },
    });
    sources.add(this);
  }

  /**
   * Process id of the helper as the client's pid namespace has it, which need not be the one that the helper
   * tells in its Hello; null where it could not be started.
   */
  get pid(): number | null {
    return this.process.pid;
  }

  /**
   * Starts a command, which ends when the signal is aborted, which it is not yet. `current` is the client's working
   * directory at the call.
   */
  start(asked: SpawnRequest, watch: Watch | null, current: WorkingDirectory): Promise<Child> {
    const request = withAutoMaps(asked);
    const start = startOf(current, this.directory, request);
    return Run.start(this, { request, message: toSpawnMessage(request, start, this.carried) }, watch);
  }

  /** Resolves with the helper's Hello. Rejects where the helper is lost before. */
  async greeting(): Promise<unshare.v1.Hello> {
    this.ref();
    try {
      return await this.channel.greeting();
    } finally {
      this.unref();
    }
  }

  /** Resolves with whether the client can open pipes that the helper has. Rejects where the helper is lost before. */
  async arePipesReachable(): Promise<boolean> {
    return arePipesReachable(this.pid, await this.greeting());
  }

  /** Hands over the client's ends of the pipes that the runtime has made for the command, by their number in the program. */
  takeRuntimePipes(): Map<number, PipeReader | PipeWriter> {
    const pipes = this.runtimePipes;
    this.runtimePipes = new Map();
    return pipes;
  }

  /**
   * Retires the helper where the client is not any more what it was when it started it: what the client has given up, it
   * must not be lent. Returns whether it is retired.
   */
  retireIfForeign(): boolean {
    if (this.isRetired || isClient(this.identity)) return this.isRetired;
    this.isRetired = true;
    this.channel.retire();
    return true;
  }

  /** A command was asked for. */
  commandBegins(): void {
    this.living += 1;
    this.updateReference();
  }

  /** A command has failed or ended, and its pipes are in other hands. */
  commandOver(): void {
    this.living -= 1;
    this.updateReference();
    this.stopIfOver();
  }

  /** A helper for one command ends with it, and with the last byte that it has of the program's. */
  private stopIfOver(): void {
    if (this.carried.length > 0 && this.living === 0 && !this.channel.hasStreams) this.process.stop();
  }

  /** Ends the helper; what is pending rejects with `error`. Resolves when it has ended. */
  close(error: UnshareError): Promise<void> {
    this.channel.fail(error);
    return this.process.stop();
  }

  /** The helper owes an answer to an abort, a timeout or a signal, until `answered`; if it is stopped, it is killed. */
  expectAnswer(key: object, doomed: Doomed | null): void {
    this.stopWatch.expect(key, doomed);
  }

  /** Undoes `expectAnswer`. */
  answered(key: object): void {
    this.stopWatch.settle(key);
  }

  /** Keeps the event loop alive until `unref` was called as often. */
  ref(): void {
    this.references += 1;
    this.updateReference();
  }

  /** Undoes one `ref`. */
  unref(): void {
    this.references -= 1;
    this.updateReference();
  }

  async reap(): Promise<void> {
    this.ref();
    try {
      await this.channel.reap();
    } finally {
      this.unref();
    }
  }

  /** Where somebody listens to events, every command that lives keeps the event loop alive. */
  updateReference(): void {
    const wanted = this.references > 0 || (this.living > 0 && hasAudience());
    if (wanted === this.isReferenced) return;
    this.isReferenced = wanted;
    if (wanted) this.process.ref();
    else this.process.unref();
  }
}

/** At once: of a socket that nobody listens to, the end may pass unseen. */
function openRuntimePipes(
  helper: HelperProcess,
  carried: readonly Carried[],
): Map<number, PipeReader | PipeWriter> {
  const pipes = new Map<number, PipeReader | PipeWriter>();
  // What Deno has then, are not even streams.
  if (helper.pid === null) return pipes;
  for (const { purpose: number, source, at } of carried) {
    const socket = typeof source === 'string' ? helper.pipeAt(at) : null;
    if (socket === null || typeof number !== 'number') continue;
    socket.unref();
    const pipe = source === 'piped-read' ? new PipeWriter(socket) : new PipeReader(socket);
    // It may fail before anybody has it.
    pipes.set(
      number,
      pipe.on('error', () => {}),
    );
  }
  return pipes;
}
