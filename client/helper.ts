import { resolve } from 'path';
import type { AbortWatch } from './abort';
import type { Child } from './child';
import type { Connection } from './connection';
import { disposeWith } from './dispose';
import { UnshareError } from './error';
import { findHelper } from './helper-path';
import type { SpawnRequest } from './spawn-request';

/** How a helper is found. */
export interface HelperOptions {
  /**
   * Path of its program. Default: what the environment variable UNSHARE_HELPER names, else the one in the
   * package.
   */
  path?: string;
}

/**
 * The process that starts commands. It is found and started when a command first needs it, and started anew
 * when one is started after its death. It does not keep the event loop alive, and it ends with the client, as
 * do the programs that have a parent death signal.
 */
export class Helper implements AsyncDisposable {
  private static sharedHelper: Helper | null = null;

  private readonly path: string | null;
  private connection: Connection | null = null;
  private closing: Promise<void> | null = null;
  declare readonly [Symbol.asyncDispose]: () => Promise<void>;

  /** Starts nothing yet. */
  constructor(options: HelperOptions = {}) {
    const { path } = options;
    if (path !== undefined && (typeof path !== 'string' || path === '' || path.includes('\0'))) {
      throw new TypeError('path must be a string that is not empty and has no NUL');
    }
    // Resolved now: the client's directory may be another one when it is needed.
    this.path = path === undefined ? null : resolve(path);
  }

  /** The helper of the commands that name none. After it was closed, a new one. */
  static shared(): Helper {
    if (Helper.sharedHelper === null || Helper.sharedHelper.closing !== null) {
      Helper.sharedHelper = new Helper();
    }
    return Helper.sharedHelper;
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
      const connection = this.connection;
      this.connection = null;
      this.closing = connection === null ? Promise.resolve() : connection.close(closedError());
    }
    return this.closing;
  }

  /**
   * @internal Starts a command, and before it the helper where there is none. The command ends when the
   * signal is aborted, which it is not yet.
   */
  async start(request: SpawnRequest, watch: AbortWatch | null): Promise<Child> {
    if (this.closing !== null) throw closedError();
    this.connection ??= this.connect();
    return this.connection.start(request, watch);
  }

  private connect(): Connection {
    const path = findHelper(this.path);
    // Loaded here: the code of the messages takes longer to load than all the rest, and a program that
    // imports this package need not start a command.
    const { Connection } = require('./connection') as typeof import('./connection');
    const connection: Connection = new Connection(path, () => {
      if (this.connection === connection) this.connection = null;
    });
    return connection;
  }
}

disposeWith(Helper, helper => helper.close());

function closedError(): UnshareError {
  return new UnshareError({ stage: 'Helper', doing: 'the helper was closed' });
}
