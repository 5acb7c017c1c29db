import { inspect } from 'util';
import { type Bytes, toBytes } from '../bytes';
import { checkCalls, checkNoMore, type Signatures } from '../check/check-calls';
import { knownOptions } from '../check/check-options';
import { UnshareError } from '../error/error';
import { Helper } from '../helper/helper';
import { isKind } from '../kind';
import { type Path, toPath } from '../path';
import type { AbortSignalLike } from '../process/abort';
import { type CallWatch, watchCall, watchOptions } from '../process/call-watch';
import type { Child } from '../process/child';
import type { ExitStatus } from '../process/exit-status';
import { awaitStatus, collectOutput, type Output } from '../process/output';
import type { Watch } from '../process/watch';
import { type Signal, signalNumber } from '../signals';
import { type BeforeUnfreeze, checkBeforeUnfreeze } from './before-unfreeze';
import type { Capability } from './capability';
import { checkList, isIterable } from './check-list';
import { copySteps } from './copy-steps';
import { Credentials } from './credentials';
import { Descriptors } from './descriptors';
import { Environment } from './environment';
import type { Fd } from './fd';
import { type FindOptions, findInPath } from './find';
import { Finish } from './finish';
import { firstInput, type Input, restOfInput, toInput, watchSource } from './input';
import type { NamespaceSource } from './join-source';
import type { MountPropagation } from './mount-propagation';
import type { Namespace } from './namespace';
import { type GidMapRow, Namespaces, type UidMapRow } from './namespaces';
import { NewRoot } from './new-root';
import { Printer, shortText } from './printer';
import { checkForeground, checkKillGroup, ProcessGroup } from './process-group';
import { checkDrainTimeout, checkMaxBuffer } from './run-options';
import type { SpawnRequest } from './spawn-request';
import { type StdioKind, type StdioLike, toStdio } from './stdio';
import { checkSteps, type Step } from './step';
import { Style } from './style';
import {
  outputNow,
  type SyncOptions,
  type SyncOutputOptions,
  type SyncTextOutputOptions,
  statusNow,
} from './sync-calls';

/** How a command is started. */
export interface SpawnOptions {
  /** The helper that starts it. Default: the shared one. */
  helper?: Helper;
  /**
   * Ends the command when it is aborted. Before the program runs, the promise rejects with the reason once
   * nothing of it is left; before the call, nothing is started. Later the program gets `killSignal`: `status` and
   * `output` reject with the reason when it has died, and `Child.wait` resolves as ever.
   */
  signal?: AbortSignalLike;
  /**
   * How many milliseconds after the call the command is ended in the same way, up to 2³¹−1. The reason is then an error
   * with the code `ETIMEDOUT` (`LimitError`). Default: 0, for as long as it takes.
   */
  timeout?: number;
  /** What ends the program then, by itself or after `forceKillAfter`. Default: SIGKILL. */
  killSignal?: Signal | number;
  /**
   * How many milliseconds after `killSignal` the program gets SIGKILL, if it is still there: from 0 to 2³¹−1, or `Infinity` or `false`
   * for never. The first process of a pid namespace ignores every other signal that it does not handle. Default: 5000. Does nothing
   * if `killSignal` is SIGKILL.
   */
  forceKillAfter?: number | false;
  /**
   * Puts the program's process group into the foreground of the client's controlling terminal, if the client's own
   * group is there, and gives the terminal back when the program ends or stops. A program that continues gets it
   * again. The program then reads from the terminal, and Ctrl-C and Ctrl-Z reach the program and not the client;
   * `childEvents` reports a stop, and `child.signal('SIGCONT')` continues the whole group.
   *
   * The program has its own process group and the client's session. So a TypeError with `newSession()` or
   * `makeGroupLeader(false)`. Without a terminal, nothing else happens. Default: false.
   */
  foreground?: boolean;
  /**
   * The whole process group of the program gets these signals then, and SIGKILL when `await using` is left. A RangeError unless the program leads one: see
   * `makeGroupLeader`. What the program has left behind when it has ended itself is not reached. Default: only the program.
   */
  killGroup?: boolean;
  /**
   * What the program reads as its standard input, which is a pipe then: text, bytes (any TypedArray or DataView), a stream or
   * an iterable of them. A chunk that is neither text nor bytes ends the program, and the promise rejects with a TypeError. A
   * program that does not read all of it is no failure. A TypeError where `stdin` is set to something else than a pipe.
   *
   * With `spawn`, `Child.stdin` is null. If the source fails later, the program is ended and `Child.wait` rejects with that error.
   */
  input?: Input;
}

/** How `Command.status` runs a command. */
export interface StatusOptions extends SpawnOptions {
  /** Rejects with an `ExitError` unless the program exits with status 0. Default: that is for the caller to look at. */
  check?: boolean;
}

/** How `Command.output` runs a command. */
export interface OutputOptions extends StatusOptions {
  /**
   * How many milliseconds after the program's end the pipes are let go, from 0 to 2³¹−1. Processes that the program has left
   * behind, such as a daemon, may hold them open; what was written by then is the result. With 0, that is what is in the
   * pipes at the end. Default: waits for the ends of the pipes, as long as it takes.
   */
  drainTimeout?: number;
  /**
   * How many bytes the program may write to standard output, and to standard error. Past that it is ended, and the
   * promise rejects with the code `ERR_CHILD_PROCESS_STDIO_MAXBUFFER` (`LimitError`). Default: 64 MiB.
   */
  maxBuffer?: number;
  /** `stdout` and `stderr` are Buffers, of the result and of errors, unless an encoding of `Buffer` is named (`TextOutputOptions`). */
  encoding?: 'buffer';
}

/** How `Command.output` runs a command whose output is text. */
export interface TextOutputOptions extends Omit<OutputOptions, 'encoding'> {
  /** What `stdout` and `stderr` are decoded as, which are strings then: `'utf8'`, for instance. */
  encoding: BufferEncoding;
}

/** Options of `child_process` that are methods here. */
const METHODS_INSTEAD = {
  cwd: 'currentDir()',
  env: 'env(), envs() and envClear()',
  argv0: 'arg0()',
  stdio: 'stdin(), stdout(), stderr() and fileDescriptor()',
  uid: 'uid()',
  gid: 'gid()',
  detached: 'newSession() and allowDaemonize()',
  shell: "new Command('/bin/sh').args(['-c', …])",
};

const SPAWN_OPTION_NAMES = {
  foreground: true,
  forceKillAfter: true,
  helper: true,
  input: true,
  killGroup: true,
  killSignal: true,
  signal: true,
  timeout: true,
} as const;
const SPAWN_OPTIONS = knownOptions<SpawnOptions>(SPAWN_OPTION_NAMES, METHODS_INSTEAD);
const STATUS_OPTIONS = knownOptions<StatusOptions>({ ...SPAWN_OPTION_NAMES, check: true }, METHODS_INSTEAD);
const OUTPUT_OPTIONS = knownOptions<OutputOptions>(
  { ...SPAWN_OPTION_NAMES, check: true, drainTimeout: true, encoding: true, maxBuffer: true },
  METHODS_INSTEAD,
);
const SYNC_OPTION_NAMES = {
  check: true,
  forceKillAfter: true,
  helper: true,
  killGroup: true,
  killSignal: true,
  signal: true,
  timeout: true,
} as const;
const FIND_OPTIONS = knownOptions<FindOptions>({ path: true });
const FOREGROUND = { foreground: 'spawn(), status() or output(): it is not for synchronous calls' };
const SYNC_OPTIONS = knownOptions<SyncOptions>(SYNC_OPTION_NAMES, { ...METHODS_INSTEAD, ...FOREGROUND });
const SYNC_OUTPUT_OPTIONS = knownOptions<SyncOutputOptions>(
  { ...SYNC_OPTION_NAMES, drainTimeout: true, encoding: true, input: true, maxBuffer: true },
  { ...METHODS_INSTEAD, ...FOREGROUND },
);

/** No parent death signal. */
const NO_SIGNAL = 0;

/**
 * A program to start, and everything that is to be arranged for it (`unshare::Command` of the crate,
 * modelled on `std::process::Command`).
 *
 * Every method but `display`, `spawn`, `status`, `output`, `statusSync` and `outputSync` returns the command
 * itself. What cannot be used throws at once, from the method that it was given to: a TypeError or a RangeError
 * that names the argument. A command can be spawned many times. It is a value at the moment of the call: what
 * is changed later does not reach what was spawned before. Arguments and options that a method does not know are a TypeError, with
 * the nearest known option in its message.
 */
export class Command {
  private readonly program: Buffer;
  private argumentZero: Buffer;
  private readonly argumentList: Buffer[] = [];
  private readonly environment = new Environment();
  private readonly descriptors = new Descriptors();
  private readonly namespaces = new Namespaces();
  private readonly newRoot = new NewRoot();
  private readonly credentials = new Credentials();
  private directory: Buffer | null = null;
  private readonly processGroup = new ProcessGroup();
  private keepsSignalMask = false;
  private parentDeathSignal = signalNumber('SIGKILL');
  private steps: readonly Step[] = [];
  private unfreezer: BeforeUnfreeze | null = null;

  /**
   * A command that inherits environment, working directory and standard input, output and error, and has no
   * arguments. It also has the client's limits, scheduler and nice value, processors, I/O priority and
   * `oom_score_adj` of the call, and the control groups of its helper.
   *
   * There is no search in PATH, ever: the path goes to `execve` as it is, after root and working directory
   * have changed. Where that fails, the stage is `Exec`. A `file:` URL stands for its path, here and wherever a path is taken.
   *
   * `args` are its first arguments, as by the method `args`.
   */
  constructor(program: Path, args?: Iterable<Bytes>);
  constructor(program: Path, args: Iterable<Bytes> = [], ...extra: unknown[]) {
    checkNoMore('new Command', 2, extra);
    this.program = toPath(program, 'program');
    if (this.program.length === 0) throw new TypeError('program must not be empty');
    this.argumentZero = this.program;
    this.args(args);
  }

  /**
   * The absolute path of the program `name`, looked for in `options.path` or PATH: `new Command(Command.find('git'), ['status'])`.
   * A `name` with a slash is a path itself. PATH is searched only here and only by the client, whose root and rights may be others
   * than the command's.
   *
   * Throws an UnshareError at the stage `Exec`, ENOENT or EACCES, whose message lists where it looked.
   */
  static find(name: string, options: FindOptions = {}): string {
    return findInPath(name, options);
  }

  /** Adds an argument. It arrives byte by byte; no shell looks at it. */
  arg(argument: Bytes): this {
    this.argumentList.push(toBytes(argument, 'argument'));
    return this;
  }

  /** Adds arguments. */
  args(list: Iterable<Bytes>): this {
    const added = checkList(list, 'args', 'strings or Uint8Arrays', value => toBytes(value, 'argument'));
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

  /**
   * Sets an environment variable to the process id of the program, as the program sees it itself: inside its
   * pid namespace. For `LISTEN_PID` of `man 3 sd_listen_fds`, among others (`env_var_with_pid` of the
   * crate).
   *
   * A later `env`, `envs`, `envRemove` or `envClear` for it cancels this, and the other way round. A key as for
   * `env`. More than 64 such variables reject at the stage `Limit`.
   */
  envVarWithPid(key: Bytes): this {
    this.environment.setPid(key);
    return this;
  }

  /**
   * Sets the working directory. An absolute path is one inside the new root, where there is one.
   *
   * A relative path starts at the directory that the client is in at the call, and so does the program if this is
   * not called. That directory need not have a usable path: it may have been renamed or removed, for instance.
   * With a new root, the path starts at the client's directory without the path of the root in front, or at
   * `/` if it is outside of the root; with both kinds of new roots, one after the other. In a mount namespace
   * that was joined, the path of the client's directory is looked up in there.
   *
   * Rejects at the stage `Chdir`, naming the directory, if it cannot be entered.
   */
  currentDir(directory: Path): this {
    this.directory = toPath(directory, 'currentDir');
    return this;
  }

  /**
   * Sets what the program has as its standard input: a `Stdio`, an open file of the client (`process.stdout`, a `FileHandle`, a
   * descriptor; see `Stdio.dupFile`), or a word; `'pipe'` and `'ignore'` are Node's for `'piped'` and `'null'`. Rejects at the
   * stages `CreatePipe`, `StdioError`, `PipeError`.
   */
  stdin(stdio: StdioLike): this {
    this.descriptors.setStdio(0, toStdio(stdio, 0));
    return this;
  }

  /** Sets what the program has as its standard output; otherwise as `stdin`. */
  stdout(stdio: StdioLike): this {
    this.descriptors.setStdio(1, toStdio(stdio, 1));
    return this;
  }

  /** Sets what the program has as its standard error; otherwise as `stdin`. */
  stderr(stdio: StdioLike): this {
    this.descriptors.setStdio(2, toStdio(stdio, 2));
    return this;
  }

  /**
   * Sets what the program has as the descriptor with this number, 3 at least (`file_descriptor` of the
   * crate). Of several calls for a number, the last counts. The program has no other descriptors than these
   * and standard input, output and error.
   *
   * Rejects at the stages `CreatePipe`, `StdioError` (EBADF for a number past the limit of open files, `man
   * 2 getrlimit`), `PipeError`, and `Limit` for more than 64 of them.
   */
  fileDescriptor(number: number, fd: Fd): this {
    this.descriptors.set(number, fd);
    return this;
  }

  /**
   * Closes descriptors from `from` on, 3 at least, up to and without `to`, right before `execve` and after
   * `preExec`, which may have opened some (`man 2 close_range`; `close_fds` of the crate). Calls add up.
   * Those of `fileDescriptor` and standard input, output and error stay open. More than 64 ranges reject at
   * the stage `Limit`.
   */
  closeFds(from = 3, to = Number.POSITIVE_INFINITY): this {
    this.descriptors.close(from, to);
    return this;
  }

  /**
   * Undoes `stdin`, `stdout`, `stderr`, `fileDescriptor` and `closeFds`: as in a new command, standard
   * input, output and error are inherited, and there is nothing else.
   */
  resetFds(): this {
    this.descriptors.reset();
    return this;
  }

  /**
   * Gives the program new namespaces (`man 7 namespaces`). Takes names, or one iterable of them; calls add
   * up. Rejects at the stage `Fork`, naming the namespace.
   *
   * A new time namespace has the clocks of the client's: their offsets cannot be set, since the program is in the namespace from
   * the start (`man 7 time_namespaces`).
   */
  unshare(...namespaces: Namespace[] | [Iterable<Namespace>]): this {
    this.namespaces.make(namespaces);
    return this;
  }

  /**
   * Sets what the mounts of a new mount namespace pass on to the ones that they are copies of, and get from
   * them; default: `'private'`, nothing either way. Does nothing without such a namespace. Rejects at the
   * stage `ChangeRoot`, item `mount propagation`.
   */
  mountPropagation(mode: MountPropagation): this {
    this.namespaces.setPropagation(mode);
    return this;
  }

  /**
   * Lets the program join a namespace of this kind (`man 2 setns`). A path is opened at the spawn, by the
   * helper: `/proc/self` is not the client there; a relative one starts at the directory of the client at the call. A
   * descriptor or an open file is used at the spawn too, and stays open; it is that of the client which has
   * this number then. With `{ pid }`, as with a `Child`, it is the one that this process is in.
   *
   * Of several calls for a kind, the last counts. The order of joining is fixed, and does not depend on that
   * of the calls. The program itself is in a pid namespace that was joined, unlike with the crate. No kind
   * can be joined and new at the same time, but for the user namespace: a new one is made inside the one
   * that was joined.
   *
   * Rejects at the stage `SetNs`, with the namespace as item, where it cannot be found or joined; at the
   * stage `Fork`, ENOMEM, where all processes of the pid namespace have ended.
   *
   * With a descriptor or an open file, the command has a helper of its own, as with `dupFile`.
   */
  setNamespace(source: NamespaceSource, namespace: Namespace): this {
    this.namespaces.join(source, namespace);
    return this;
  }

  /**
   * Sets the id maps of a new user namespace (`man 7 user_namespaces`), and gives the program one. An empty
   * list leaves its map unwritten. Rejects at the stage `SetIdMap`, and at `Limit` for more than 340 rows.
   *
   * An own id that is mapped stays what it maps to. Otherwise the program becomes 0 where 0 is mapped, and is
   * refused at the stage `SetUser` where it is not and `uid()` is not set; the same for groups. Mapping the
   * own ids, one row with count 1 each, needs no privilege.
   */
  setIdMaps(uidMaps: Iterable<UidMapRow>, gidMaps: Iterable<GidMapRow>): this {
    this.namespaces.setIdMaps(uidMaps, gidMaps);
    return this;
  }

  /**
   * Gives the program a new user namespace in which the client's own ids are 0. Needs no privilege, and is no boundary by itself:
   * for a client that is root, 0 in there is root outside too. Replaces the maps of `setIdMaps`, and the other way round.
   * Rejects at the stage `SetIdMap`.
   */
  mapRoot(): this {
    this.namespaces.map('root');
    return this;
  }

  /** Gives the program a new user namespace in which the client's own ids are what they are outside; otherwise as `mapRoot`. */
  mapCurrentUser(): this {
    this.namespaces.map('current');
    return this;
  }

  /**
   * Gives the program a new user namespace in which the client's own ids are 0, and from 1 on are the subordinate ids that
   * `/etc/subuid` and `/etc/subgid` give to its account (`man 5 subuid`). `newuidmap` and `newgidmap` write the maps: those of
   * `setIdMapCommands`, or of PATH, or of `/usr/bin`. Otherwise as `mapRoot`.
   *
   * Rejects at the stage `SetIdMap` if there are no such ids or no such programs. Ids that come from a directory service
   * (`subid` in `man 5 nsswitch.conf`) are not found: use `setIdMaps`.
   */
  mapAuto(): this {
    this.namespaces.map('auto');
    return this;
  }

  /**
   * Lets other programs write the id maps of `setIdMaps`, which may do more than the client: `newuidmap` and
   * `newgidmap` (`man 1 newuidmap`). Does nothing without `setIdMaps`.
   *
   * Both are paths, without a search in PATH; relative ones start at the directory of the client at the call. No
   * shell is involved. The one for uids is run first, and none for an empty map. One that cannot be started rejects
   * at the stage `SetIdMap`; one that fails at `AuxCommandExited` or `AuxCommandKilled`, with its
   * `exitStatus` and `stderr`. Together with a user namespace that is joined, it rejects at the stage `SetIdMap`.
   */
  setIdMapCommands(newuidmap: Path, newgidmap: Path): this {
    this.namespaces.setIdMapCommands(newuidmap, newgidmap);
    return this;
  }

  /**
   * Sets the real, effective, saved and file-system uid (`man 2 setresuid`). In a new user namespace, the
   * number is one of that. Without `groups`, the supplementary groups are dropped where that is allowed.
   * From 0 to 2³²−2; a RangeError otherwise. Rejects at the stage `SetUser`.
   */
  uid(uid: number): this {
    this.credentials.setUid(uid);
    return this;
  }

  /** Sets the real, effective, saved and file-system gid; otherwise as `uid`. */
  gid(gid: number): this {
    this.credentials.setGid(gid);
    return this;
  }

  /**
   * Sets the supplementary groups (`man 2 setgroups`), ids as of `uid`; of several calls, the last counts.
   * Rejects at the stage `SetUser`, item `groups`, and at `Limit` for more than 65,536 of them.
   */
  groups(gids: Iterable<number>): this {
    this.credentials.setGroups(gids);
    return this;
  }

  /**
   * Leaves the program these capabilities and no other, even where it runs as uid 0 (`man 7 capabilities`):
   * they are what the permitted, effective, inheritable, ambient and bounding sets hold. Of several calls,
   * the last counts. Without any, the inheritable set is reduced to the ambient one, and nothing else
   * changes.
   *
   * Rejects at the stage `CapSet`: EPERM, item `bounding`, where the helper lacks CAP_SETPCAP, which it
   * takes to drop anything from that set; EPERM, item `capabilities`, where it does not have what is to be
   * kept.
   */
  keepCaps(capabilities: Iterable<Capability>): this {
    this.credentials.keep(capabilities);
    return this;
  }

  /**
   * Changes the root directory for the program (`man 2 chroot`) to this absolute path. With `pivotRoot`, it
   * is one inside the root of that. The working directory is never outside: see `currentDir`.
   *
   * Rejects at the stage `ChangeRoot`, naming the path.
   */
  chrootDir(directory: Path): this {
    this.newRoot.chroot(directory);
    return this;
  }

  /**
   * Makes `newRoot`, a mount point, the root of the program's mount namespace, and moves the old root to
   * `putOld` (`man 2 pivot_root`); with `unmount`, it is detached afterwards. Both are absolute paths
   * without `..`, as they are before this, and `putOld` is `newRoot` or a directory below. The command needs
   * a mount namespace, a new one or one that it joins. The working directory is never in the old root by
   * default: see `currentDir`.
   *
   * Rejects at the stage `ChangeRoot`, naming the path.
   */
  pivotRoot(newRoot: Path, putOld: Path, unmount: boolean): this {
    this.newRoot.pivot(newRoot, putOld, unmount);
    return this;
  }

  /**
   * Makes the program the leader of its own process group (`man 2 setpgid`), or leaves it in the client's.
   * By default, a command has its own group if it has a new or joined pid or user namespace, or if `uid`,
   * `gid` or `groups` is set. In the client's group, a program signals the client with `kill(0, …)`, from
   * inside all namespaces too.
   *
   * Ctrl-C at the terminal does not reach another group. A program in it that reads from the terminal is
   * stopped by SIGTTIN: see `SpawnOptions.foreground`. `makeGroupLeader(false)` with `newSession(true)` is a
   * TypeError. Rejects with stage `SetPGid`.
   */
  makeGroupLeader(on = true): this {
    this.processGroup.setLeader(on);
    return this;
  }

  /**
   * Gives the program its own session (`man 2 setsid`), and with it its own process group and no controlling
   * terminal. By default, a command has its own session if it has a new or joined pid or user namespace, or
   * if `uid`, `gid` or `groups` is set. There are three exceptions: `makeGroupLeader(false)`, the option
   * `foreground`, and a descriptor 0, 1 or 2 that is the controlling terminal of the client.
   *
   * In the client's session, a program can open `/dev/tty`, and on many kernels type into the user's shell
   * (`TIOCSTI`). In its own session, SIGTTIN does not stop it: it reads from a terminal that it has as a
   * descriptor. So give untrusted programs no terminal at all. The leader of a session gets a controlling
   * terminal if it opens a free one without `O_NOCTTY`.
   *
   * `newSession(true)` with `makeGroupLeader(false)` is a TypeError. Rejects with stage `SetPGid`, item `session`.
   */
  newSession(on = true): this {
    this.processGroup.setSession(on);
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
   * pid namespace obeys SIGKILL and SIGSTOP, and otherwise only signals that it handles. Rejects at the stage
   * `ParentDeathSignal`.
   */
  setParentDeathSignal(signal: Signal | number): this {
    this.parentDeathSignal = signalNumber(signal);
    return this;
  }

  /**
   * Leaves the program the signals blocked and ignored that the helper was started with (`keep_sigmask` of
   * the crate). Otherwise none is blocked, and all have their default actions. What that is depends on
   * the runtime: docs/runtimes.md.
   */
  keepSigmask(): this {
    this.keepsSignalMask = true;
    return this;
  }

  /**
   * Sets what is called while the process of the program is there, in its namespaces and with its id maps
   * written, but frozen: nothing else of the command was done yet. It gets the process id, as the helper's
   * pid namespace numbers it, runs in the client, and may run other commands. When it returns, or the
   * promise that it returns is fulfilled, the process goes on. Of several calls, the last counts.
   *
   * Where it throws or rejects, the process is killed, and the spawn rejects at the stage `BeforeUnfreeze`,
   * with what was thrown as `cause`.
   */
  beforeUnfreeze(callback: (pid: number) => unknown): this {
    this.unfreezer = checkBeforeUnfreeze(callback);
    return this;
  }

  /**
   * Sets system calls that the process makes right before `execve`, when all else is done, in this order:
   * what `step.syscall` and `step.allowFailure` make. Of several calls, the last counts. Arrays among their
   * arguments are copied at each spawn.
   *
   * One that fails rejects at the stage `PreExec`, with its number, counted from 0, as `index`, and its name
   * in `item`; so does one whose name the kernel does not know, before anything is started.
   */
  preExec(steps: Iterable<Step>): this {
    this.steps = checkSteps(steps);
    return this;
  }

  /** What `toString()` of the result shows of the command, as it is now, is told by `style`. */
  display(style: Style): Printer {
    if (!isKind(style, 'Style')) throw new TypeError('style must be a Style');
    return new Printer(this.snapshot('inherit', 'inherit'), style);
  }

  /** As `display(Style.short())`: the name of the program, and its arguments. */
  toString(): string {
    return `${this.display(Style.short())}`;
  }

  /** As `display(Style.debug())`. */
  [inspect.custom](): string {
    return `${this.display(Style.debug())}`;
  }

  /**
   * Starts the program. Settles when `execve` has succeeded or a step has failed; then the error is an
   * `UnshareError` that names the step, and nothing is left behind.
   */
  async spawn(options: SpawnOptions = {}): Promise<Child> {
    const foreground = checkForeground(options.foreground);
    const request = this.snapshot(options.input === undefined ? 'inherit' : 'piped', 'inherit', foreground);
    return await this.run(request, options, async child => child);
  }

  /**
   * Starts the program and waits for its end. Rejects as `spawn` and `Child.wait` do. From pipes, the
   * program reads nothing, and what it writes to them is dropped.
   */
  async status(options: StatusOptions = {}): Promise<ExitStatus> {
    const foreground = checkForeground(options.foreground);
    const request = this.snapshot(options.input === undefined ? 'inherit' : 'piped', 'inherit', foreground);
    const finish = new Finish(request, options);
    const status = await this.run(request, options, (child, watch) => awaitStatus(child, watch));
    return finish.status(status);
  }

  /**
   * Starts the program, and returns its status and all that it wrote. Standard output and error are piped
   * unless they are set, standard input is /dev/null unless it is set, or `options.input` is there. Other pipes are as
   * with `status`. Waits for the end of the program and of both pipes, which processes that it leaves behind may hold
   * open: `drainTimeout` bounds that, and a `timeout` ends it with an error.
   *
   * Where the source of `options.input` fails, the program is ended, and that error is what this rejects with.
   */
  output(options: TextOutputOptions): Promise<Output<string>>;
  output(options?: OutputOptions): Promise<Output>;
  async output(options: OutputOptions | TextOutputOptions = {}): Promise<Output | Output<string>> {
    const maxBuffer = checkMaxBuffer(options.maxBuffer);
    const drainTimeout = checkDrainTimeout(options.drainTimeout);
    const foreground = checkForeground(options.foreground);
    const request = this.snapshot(options.input === undefined ? 'null' : 'piped', 'piped', foreground);
    const finish = new Finish(request, options);
    const input = this.takeInput(options);
    const watch = watchCall(options, () => shortText(request));
    checkKillGroup(options, request);
    const unwatchSource = watchSource(input, error => watch.end(error));
    try {
      const collected = await held(watch, async () => {
        const streamed = firstInput(input);
        const child = await this.start({ ...request, streamed }, options, watch);
        // From here on, that is for who feeds it.
        unwatchSource();
        return await collectOutput(child, watch, {
          input: restOfInput(input, streamed),
          maxBuffer,
          drainTimeout,
        });
      });
      return finish.output(collected);
    } catch (error) {
      throw finish.error(error);
    }
  }

  /**
   * Starts the program and waits for its end, while nothing else happens in this thread. Otherwise as `status`, with the
   * same errors. A helper of its own runs the command, so that no event tells of it.
   *
   * There is no `beforeUnfreeze` and no pipe of `fileDescriptor`: they reject at the stages `BeforeUnfreeze` and
   * `StdioError`. There is no option `foreground` (a TypeError): after Ctrl-Z, nobody could continue the program.
   */
  statusSync(options: SyncOptions = {}): ExitStatus {
    return statusNow(this.snapshot('inherit', 'inherit'), options);
  }

  /** Starts the program, waits for its end, and returns all that it wrote, as `output`; otherwise as `statusSync`. */
  outputSync(options: SyncTextOutputOptions): Output<string>;
  outputSync(options?: SyncOutputOptions): Output;
  outputSync(options: SyncOutputOptions | SyncTextOutputOptions = {}): Output | Output<string> {
    if (options.input !== undefined) this.descriptors.checkInput();
    return outputNow(this.snapshot('null', 'piped'), options);
  }

  /** Starts a program that may read `options.input`, and does `work` with it, which the options can end. */
  private async run<T>(
    request: SpawnRequest,
    options: SpawnOptions,
    work: (child: Child, watch: Watch | null) => Promise<T>,
  ): Promise<T> {
    const input = this.takeInput(options);
    const shown = () => shortText(request);
    const watch = input === null ? watchOptions(options, shown) : watchCall(options, shown);
    checkKillGroup(options, request);
    const unwatchSource = watchSource(input, error => (watch as CallWatch).end(error));
    return await held(watch, async () => {
      const child = await this.start(request, options, watch);
      unwatchSource();
      if (input !== null) child.feedInput(input);
      return await work(child, watch);
    });
  }

  private takeInput({ input }: SpawnOptions): Uint8Array | NodeJS.ReadableStream | null {
    if (input === undefined) return null;
    this.descriptors.checkInput();
    return toInput(input);
  }

  private async start(request: SpawnRequest, options: SpawnOptions, watch: Watch | null): Promise<Child> {
    if (watch?.aborted) throw watch.reason;
    const helper = options.helper ?? Helper.shared();
    try {
      return await helper.start(request, watch);
    } catch (error) {
      // It was made where the answer came in. Here, the stack leads to the caller.
      if (error instanceof UnshareError) Error.captureStackTrace?.(error);
      throw error;
    }
  }

  private snapshot(stdin: StdioKind, stdoutAndStderr: StdioKind, foreground = false): SpawnRequest {
    return {
      streamed: null,
      program: this.program,
      arguments: [this.argumentZero, ...this.argumentList],
      environment: this.environment.entries(),
      pidVariables: this.environment.pidIndexes(),
      currentDir: this.directory,
      ...this.newRoot.request(),
      ...this.descriptors.request(stdin, stdoutAndStderr),
      ...this.namespaces.request(),
      ...this.credentials.request(),
      ...this.processGroup.request(foreground),
      keepSignalMask: this.keepsSignalMask,
      parentDeathSignal: this.parentDeathSignal,
      preExec: copySteps(this.steps),
      beforeUnfreeze: this.unfreezer,
    };
  }
}

const SIGNATURES: Signatures<Command> = {
  arg: 1,
  args: 1,
  arg0: 1,
  env: 2,
  envs: 1,
  envRemove: 1,
  envClear: 0,
  envVarWithPid: 1,
  currentDir: 1,
  stdin: 1,
  stdout: 1,
  stderr: 1,
  fileDescriptor: 2,
  closeFds: 2,
  resetFds: 0,
  unshare: Number.POSITIVE_INFINITY,
  mountPropagation: 1,
  setNamespace: 2,
  setIdMaps: 2,
  setIdMapCommands: 2,
  mapRoot: 0,
  mapCurrentUser: 0,
  mapAuto: 0,
  uid: 1,
  gid: 1,
  groups: 1,
  keepCaps: 1,
  chrootDir: 1,
  pivotRoot: 3,
  makeGroupLeader: 1,
  newSession: 1,
  allowDaemonize: 0,
  setParentDeathSignal: 1,
  keepSigmask: 0,
  beforeUnfreeze: 1,
  preExec: 1,
  display: 1,
  toString: 0,
  spawn: { most: 1, options: SPAWN_OPTIONS, rejects: true },
  status: { most: 1, options: STATUS_OPTIONS, rejects: true },
  output: { most: 1, options: OUTPUT_OPTIONS, rejects: true },
  statusSync: { most: 1, options: SYNC_OPTIONS },
  outputSync: { most: 1, options: SYNC_OUTPUT_OPTIONS },
};
checkCalls(Command.prototype, 'Command', SIGNATURES);
const STATIC_SIGNATURES: Signatures<typeof Command> = { find: { most: 2, options: FIND_OPTIONS } };
checkCalls(Command, 'Command', STATIC_SIGNATURES);

/** Runs `work`, and keeps the watch at work meanwhile. */
async function held<T>(watch: Watch | null, work: () => Promise<T>): Promise<T> {
  if (watch === null) return work();
  const release = watch.onAbort(() => {});
  try {
    return await work();
  } finally {
    release();
  }
}
