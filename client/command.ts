import { type Bytes, toBytes } from './bytes';
import type { Child } from './child';
import { Environment } from './environment';
import { UnshareError } from './error';
import type { ExitStatus } from './exit-status';
import { Helper } from './helper';
import { GidMap, UidMap } from './id-map';
import { checkId } from './ids';
import { checkNamespace, Namespace } from './namespace';
import { collectOutput, type Output } from './output';
import { type Signal, signalNumber } from './signals';
import type { IdMapRow, SpawnRequest } from './spawn-request';
import { type Stdio, type StdioKind, type StdioLike, toStdio } from './stdio';

/** How a command is started. */
export interface SpawnOptions {
  /** The helper that starts it. Default: the shared one. */
  helper?: Helper;
}

/** A row of the map of uids; a `UidMap` is one. */
export type UidMapRow = Pick<UidMap, 'insideUid' | 'outsideUid' | 'count'>;

/** A row of the map of gids; a `GidMap` is one. */
export type GidMapRow = Pick<GidMap, 'insideGid' | 'outsideGid' | 'count'>;

/** No parent death signal. */
const NO_SIGNAL = 0;

/**
 * A program to start, and everything that is to be arranged for it (`unshare::Command` of the crate, modelled
 * on `std::process::Command`).
 *
 * Every method but the last three returns the command itself. What cannot be used throws at once, from the
 * method that it was given to: a TypeError or a RangeError that names the argument. A command can be spawned
 * many times. It is a value at the moment of the call: what is changed later does not reach what was spawned
 * before.
 */
export class Command {
  private readonly program: Buffer;
  private argumentZero: Buffer;
  private readonly argumentList: Buffer[] = [];
  private readonly environment = new Environment();
  private directory: Buffer | null = null;
  private readonly stdio: [Stdio | null, Stdio | null, Stdio | null] = [null, null, null];
  private readonly namespaces = new Set<Namespace>();
  private uidMaps: IdMapRow[] = [];
  private gidMaps: IdMapRow[] = [];
  private userId: number | null = null;
  private groupId: number | null = null;
  private leadsGroup = false;
  private parentDeathSignal = signalNumber('SIGKILL');

  /**
   * A command that inherits environment, working directory and standard input, output and error, and has no
   * arguments.
   *
   * There is no search in PATH, ever: the path goes to `execve` as it is, after the working directory has
   * changed.
   */
  constructor(program: Bytes) {
    this.program = toBytes(program, 'program');
    if (this.program.length === 0) throw new TypeError('program must not be empty');
    this.argumentZero = this.program;
  }

  /** Adds an argument. It arrives byte by byte; no shell looks at it. */
  arg(argument: Bytes): this {
    this.argumentList.push(toBytes(argument, 'argument'));
    return this;
  }

  /** Adds arguments. */
  args(list: Iterable<Bytes>): this {
    // The characters of a string would be one argument each, which nobody means.
    if (typeof list === 'string' || !isIterable(list)) {
      throw new TypeError('args must be an iterable of strings or Uint8Arrays');
    }
    const added = Array.from(list, argument => toBytes(argument, 'argument'));
    for (const argument of added) this.argumentList.push(argument);
    return this;
  }

  /** Sets argv[0], which is the program otherwise. */
  arg0(name: Bytes): this {
    this.argumentZero = toBytes(name, 'arg0');
    return this;
  }

  /**
   * Sets an environment variable. The first call of an `env` method takes a copy of `process.env`; without
   * any, the command has it as it is at each spawn. A key that is empty or contains `=` is a TypeError.
   */
  env(key: Bytes, value: Bytes): this {
    this.environment.set(key, value);
    return this;
  }

  /**
   * Sets environment variables. As with Node's own `env` options, those of an object that are undefined are
   * skipped.
   */
  envs(variables: Readonly<Record<string, Bytes | undefined>> | Iterable<readonly [Bytes, Bytes]>): this {
    if (isIterable(variables)) {
      for (const [key, value] of variables) this.environment.set(key, value);
      return this;
    }
    if (typeof variables !== 'object' || variables === null) {
      throw new TypeError('envs must be an object or an iterable of pairs');
    }
    for (const [key, value] of Object.entries(variables)) {
      if (value !== undefined) this.environment.set(key, value);
    }
    return this;
  }

  /** Removes an environment variable. */
  envRemove(key: Bytes): this {
    this.environment.remove(key);
    return this;
  }

  /** Removes all environment variables. */
  envClear(): this {
    this.environment.clear();
    return this;
  }

  /** Sets the working directory. A relative path starts at the client's, at the moment of the spawn. */
  currentDir(directory: Bytes): this {
    this.directory = toBytes(directory, 'currentDir');
    return this;
  }

  /** Sets what the program has as its standard input. */
  stdin(stdio: StdioLike): this {
    this.stdio[0] = toStdio(stdio, 'stdin');
    return this;
  }

  /** Sets what the program has as its standard output. */
  stdout(stdio: StdioLike): this {
    this.stdio[1] = toStdio(stdio, 'stdout');
    return this;
  }

  /** Sets what the program has as its standard error. */
  stderr(stdio: StdioLike): this {
    this.stdio[2] = toStdio(stdio, 'stderr');
    return this;
  }

  /**
   * Gives the program new namespaces (`man 7 namespaces`). Takes names, or one iterable of them; calls add
   * up.
   */
  unshare(...namespaces: Namespace[] | [Iterable<Namespace>]): this {
    const [first] = namespaces;
    const names = typeof first !== 'string' && isIterable(first) ? first : namespaces;
    const checked = Array.from(names as Iterable<Namespace>, checkNamespace);
    for (const name of checked) this.namespaces.add(name);
    return this;
  }

  /**
   * Sets the id maps of a new user namespace (`man 7 user_namespaces`), and gives the program one. An empty
   * list leaves its map unwritten.
   *
   * An own id that is mapped stays what it maps to. Otherwise the program becomes 0 where 0 is mapped, and is
   * refused at the stage `SetUser` where it is not and `uid()` is not set; the same for groups. Mapping the
   * own ids, one row with count 1 each, needs no privilege.
   */
  setIdMaps(uidMaps: Iterable<UidMapRow>, gidMaps: Iterable<GidMapRow>): this {
    if (!isIterable(uidMaps)) throw new TypeError('uidMaps must be an iterable of rows');
    if (!isIterable(gidMaps)) throw new TypeError('gidMaps must be an iterable of rows');
    const uidRows = Array.from(uidMaps, toUidRow);
    const gidRows = Array.from(gidMaps, toGidRow);
    this.uidMaps = uidRows;
    this.gidMaps = gidRows;
    this.namespaces.add(Namespace.User);
    return this;
  }

  /**
   * Sets the real, effective, saved and file-system uid. In a new user namespace, the number is one of that.
   * The supplementary groups are dropped where that is allowed.
   */
  uid(uid: number): this {
    this.userId = checkId(uid, 'uid');
    return this;
  }

  /** Sets the real, effective, saved and file-system gid; otherwise as `uid`. */
  gid(gid: number): this {
    this.groupId = checkId(gid, 'gid');
    return this;
  }

  /** Makes the program the leader of a process group of its own (`man 2 setpgid`). */
  makeGroupLeader(on = true): this {
    if (typeof on !== 'boolean') throw new TypeError('makeGroupLeader must be a boolean');
    this.leadsGroup = on;
    return this;
  }

  /** Lets the program outlive client and helper: it has no parent death signal. */
  allowDaemonize(): this {
    this.parentDeathSignal = NO_SIGNAL;
    return this;
  }

  /**
   * Sets the signal that the program gets when client or helper end (`PR_SET_PDEATHSIG` in `man 2 prctl`).
   * Default: SIGKILL. Of this and `allowDaemonize`, the last call counts.
   *
   * The kernel drops it for programs that are setuid or have file capabilities. The first process of a new
   * pid namespace obeys SIGKILL and SIGSTOP, and otherwise only signals that it handles.
   */
  setParentDeathSignal(signal: Signal | number): this {
    this.parentDeathSignal = signalNumber(signal);
    return this;
  }

  /**
   * Starts the program. Settles when `execve` has succeeded or a step has failed; then the error is an
   * `UnshareError` that names the step, and nothing is left behind.
   */
  async spawn(options: SpawnOptions = {}): Promise<Child> {
    return await this.start(options, 'inherit', 'inherit');
  }

  /** Starts the program and waits for its end. Rejects as `spawn` and `Child.wait` do. */
  async status(options: SpawnOptions = {}): Promise<ExitStatus> {
    const child = await this.start(options, 'inherit', 'inherit');
    return await child.wait();
  }

  /**
   * Starts the program, and returns its status and all that it wrote. Standard output and error are piped
   * unless they are set, standard input is /dev/null unless it is set; a piped one is at its end at once.
   * Waits for the end of the program and of both pipes, which processes that it leaves behind may hold open.
   */
  async output(options: SpawnOptions = {}): Promise<Output> {
    return await collectOutput(await this.start(options, 'null', 'piped'));
  }

  private async start(options: SpawnOptions, stdin: StdioKind, stdoutAndStderr: StdioKind): Promise<Child> {
    const helper = options.helper ?? Helper.shared();
    try {
      return await helper.start(this.snapshot(stdin, stdoutAndStderr));
    } catch (error) {
      // It was made where the answer came in. Here, the stack leads to the caller.
      if (error instanceof UnshareError) Error.captureStackTrace?.(error);
      throw error;
    }
  }

  private snapshot(stdin: StdioKind, stdoutAndStderr: StdioKind): SpawnRequest {
    return {
      program: this.program,
      arguments: [this.argumentZero, ...this.argumentList],
      environment: this.environment.entries(),
      currentDir: this.directory,
      stdio: [
        this.stdio[0]?.kind ?? stdin,
        this.stdio[1]?.kind ?? stdoutAndStderr,
        this.stdio[2]?.kind ?? stdoutAndStderr,
      ],
      namespaces: [...this.namespaces],
      uidMaps: this.uidMaps,
      gidMaps: this.gidMaps,
      uid: this.userId,
      gid: this.groupId,
      makeGroupLeader: this.leadsGroup,
      parentDeathSignal: this.parentDeathSignal,
    };
  }
}

function isIterable(value: unknown): value is Iterable<unknown> {
  return typeof (value as Iterable<unknown> | null | undefined)?.[Symbol.iterator] === 'function';
}

function toUidRow(row: UidMapRow): IdMapRow {
  if (typeof row !== 'object' || row === null) throw new TypeError('a row of uidMaps must be an object');
  const { insideUid, outsideUid, count } = new UidMap(row.insideUid, row.outsideUid, row.count);
  return { inside: insideUid, outside: outsideUid, count };
}

function toGidRow(row: GidMapRow): IdMapRow {
  if (typeof row !== 'object' || row === null) throw new TypeError('a row of gidMaps must be an object');
  const { insideGid, outsideGid, count } = new GidMap(row.insideGid, row.outsideGid, row.count);
  return { inside: insideGid, outside: outsideGid, count };
}
