import { resolve } from 'path';
import { types } from 'util';
import { checkCalls, checkNoMore, INTERNAL, type Signatures } from '../check/check-calls';
import { checkOptions, knownOptions } from '../check/check-options';
import type { SpawnRequest } from '../command/spawn-request';
import { UnshareError } from '../error/error';
import type { unshare } from '../messages';
import { type FileUrl, toPath } from '../path';
import type { Child } from '../process/child';
import { disposeWith } from '../process/dispose';
import type { Watch } from '../process/watch';
import { drivesPipes } from '../runtime';
import { type Carried, carriesFiles, hasPipes, releaseFiles, toCarried } from './carried';
import type { Connection } from './connection';
import { findHelper, installHelper } from './helper-path';
import { checkIdentity } from './identity';
import type { OnceOptions, OnceResult } from './once';
import { type WorkingDirectory, workingDirectory } from './working-directory';

/** How a helper is found, and what it does besides. */
export interface HelperOptions {
  /**
   * Path of its program. Default: what the environment variable UNSHARE_HELPER names, else the one in the
   * package.
   */
  path?: string | FileUrl;
  /**
   * It adopts the processes whose parents end among its descendants (`PR_SET_CHILD_SUBREAPER` in `man 2 prctl`), which
   * otherwise go to init: `childEvents` tells of them, and `reapZombies` lists them, as those of no child. They end with
   * the helper only where they have a parent death signal of their own making.
   */
  subreaper?: boolean;
}

const HELPER_OPTIONS = knownOptions<HelperOptions>({ path: true, subreaper: true });

/**
 * The process that starts commands. It is found and started when a command first needs it, and started anew
 * when one is started after its death. It does not keep the event loop alive, and it ends with the client, as
 * do the programs that have a parent death signal.
 */
export class Helper implements AsyncDisposable {
  private static sharedHelper: Helper | null = null;

  private readonly path: string | null;
  private readonly subreaper: boolean;
  private connection: Connection | null = null;
  /** Those that are for one command, and those that are retired. */
  private readonly others = new Set<Connection>();
  /** Whether the client can open pipes that the helper has; null as long as that was not found out. */
  private reachesPipes: Promise<boolean> | null = null;
  private closing: Promise<void> | null = null;
  /** As `close`, where `await using` is left. */
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /** Starts nothing yet. */
  constructor(options?: HelperOptions);
  constructor(options: HelperOptions = {}, ...extra: unknown[]) {
    checkNoMore('new Helper', 1, extra);
    checkOptions('new Helper', options, HELPER_OPTIONS);
    const { path, subreaper = false } = options;
    if (typeof subreaper !== 'boolean') throw new TypeError('subreaper must be a boolean');
    // Resolved now: the client's directory may be another one when it is needed.
    this.path = path === undefined ? null : resolve(checkPath(path));
    this.subreaper = subreaper;
  }

  /** The helper of the commands that name none. After it was closed, a new one. */
  static shared(): Helper {
    if (Helper.sharedHelper === null || Helper.sharedHelper.closing !== null) {
      Helper.sharedHelper = new Helper();
    }
    return Helper.sharedHelper;
  }

  /**
   * Keeps the helper's program, whose contents these are, in a directory that is private to the user, and returns its
   * path: for a program that is one file and carries the helper in it. Give that to `new Helper({ path })`, or put it
   * into `process.env.UNSHARE_HELPER` for all commands.
   *
   * The directory is `unshare` in `$XDG_CACHE_HOME` or `~/.cache`, or where that cannot be, `unshare-UID` in the
   * temporary directory. A file that is there already is used only if it has exactly these contents, belongs to the
   * user, and can be written by nobody else.
   *
   * Throws a TypeError for what is no Uint8Array, a RangeError for what is no program for this architecture, and at the
   * stage `Helper`, naming the places tried, where there is no such directory.
   */
  static install(program: Uint8Array): string {
    return installHelper(program);
  }

  /** Process id, or null while there is no process. */
  get pid(): number | null {
    return this.connection?.pid ?? null;
  }

  /**
   * Ends the helper, and with it the programs that have a parent death signal. All that is pending rejects at
   * the stage `Helper`, as do commands from now on. Resolves when the process has ended.
   */
  close(): Promise<void> {
    if (this.closing === null) {
      const connections = [...this.others];
      if (this.connection !== null) connections.push(this.connection);
      this.connection = null;
      this.closing = Promise.all(connections.map(connection => connection.close(closedError()))).then(
        () => {},
      );
    }
    return this.closing;
  }

  /**
   * @internal Starts a command, and before it the helper where there is none. The command ends when the
   * signal is aborted, which it is not yet.
   */
  async start(request: SpawnRequest, watch: Watch | null): Promise<Child> {
    // Also while only the helper's Hello is awaited, the helper may be stopped.
    const unwatch = watch?.onAbort(() => this.connection?.expectAnswer(request, null));
    try {
      if (this.closing !== null) throw closedError();
      // Now: the client may change it before the command is sent.
      const current = workingDirectory(this.connection?.directory, request);
      this.retireForeign();
      if (request.streamed === null && hasPipes(request) && !(await this.canOpenPipes())) {
        checkAborted(watch);
        return this.startDedicated(request, toCarried(request, true), watch, current);
      }
      checkAborted(watch);
      if (carriesFiles(request)) {
        return this.startDedicated(request, toCarried(request, false), watch, current);
      }
      this.connection ??= this.connect([]);
      return this.connection.start(request, watch, current);
    } finally {
      // By now, the run itself watches.
      unwatch?.();
      this.connection?.answered(request);
      releaseFiles(request);
    }
  }

  /** By a helper that is started with what the command has of the client, and ends with it. */
  private async startDedicated(
    request: SpawnRequest,
    carried: readonly Carried[],
    watch: Watch | null,
    current: WorkingDirectory,
  ): Promise<Child> {
    if (this.closing !== null) throw closedError();
    const connection = this.connect(carried);
    this.others.add(connection);
    try {
      return await connection.start(request, watch, current);
    } catch (error) {
      await connection.close(closedError());
      throw error;
    }
  }

  /** Found out once, and by the helper for all commands, as it has to be known before one starts. */
  private async canOpenPipes(): Promise<boolean> {
    if (!drivesPipes()) return false;
    if (this.reachesPipes === null) {
      this.connection ??= this.connect([]);
      const found = this.connection.arePipesReachable();
      this.reachesPipes = found;
      // Not by a helper that was lost.
      found.catch(() => {
        this.reachesPipes = null;
      });
    }
    return this.reachesPipes;
  }

  /** @internal Resolves with the helper's Hello, and starts the helper where there is none. */
  async greeting(): Promise<unshare.v1.Hello> {
    if (this.closing !== null) throw closedError();
    this.retireForeign();
    this.connection ??= this.connect([]);
    return await this.connection.greeting();
  }

  /** @internal Runs a command while the client waits; see `runOnce`. */
  runOnce(request: SpawnRequest, options: OnceOptions): OnceResult {
    if (this.closing !== null) throw closedError();
    const path = findHelper(this.path);
    checkIdentity();
    const { runOnce } = require('./once') as typeof import('./once');
    return runOnce(path, request, options);
  }

  private retireForeign(): void {
    for (const connection of this.others) connection.retireIfForeign();
    if (this.connection?.retireIfForeign()) {
      this.others.add(this.connection);
      this.connection = null;
    }
  }

  private connect(carried: readonly Carried[]): Connection {
    const path = findHelper(this.path);
    checkIdentity();
    // Loaded here: the code of the messages takes longer to load than all the rest, and a program that
    // imports this package need not start a command.
    const { Connection } = require('./connection') as typeof import('./connection');
    const lost = () => {
      if (this.connection === connection) this.connection = null;
      this.others.delete(connection);
    };
    const connection: Connection = new Connection(path, lost, { carried, subreaper: this.subreaper });
    return connection;
  }
}

const SIGNATURES: Signatures<Helper> = {
  close: { most: 0, rejects: true },
  start: INTERNAL,
  greeting: INTERNAL,
  runOnce: INTERNAL,
};
checkCalls(Helper.prototype, 'Helper', SIGNATURES);
const STATIC_SIGNATURES: Signatures<typeof Helper> = { shared: 0, install: 1 };
checkCalls(Helper, 'Helper', STATIC_SIGNATURES);

disposeWith(Helper, helper => helper.close());

function checkPath(path: unknown): string {
  if (path === '' || types.isUint8Array(path)) throw new TypeError('path must be a string that is not empty');
  return toPath(path, 'path').toString();
}

function checkAborted(watch: Watch | null): void {
  if (watch?.aborted) throw watch.reason;
}

function closedError(): UnshareError {
  return new UnshareError({ stage: 'Helper', doing: 'the helper was closed' });
}
