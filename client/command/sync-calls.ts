import { Helper } from '../helper/helper';
import type { OnceOptions, OnceResult } from '../helper/once';
import { type AbortSignalLike, watchSignal } from '../process/abort';
import type { ExitStatus } from '../process/exit-status';
import { outputTooLarge, timedOut } from '../process/limit-errors';
import type { Output } from '../process/output';
import type { Signal } from '../signals';
import { Finish } from './finish';
import { shortText } from './printer';
import { checkKillGroup } from './process-group';
import {
  bytesOfInput,
  checkBoolean,
  checkDrainTimeout,
  checkForceKillAfter,
  checkKillSignal,
  checkMaxBuffer,
  checkTimeout,
} from './run-options';
import type { SpawnRequest } from './spawn-request';

/** How a synchronous call runs a command. */
export interface SyncOptions {
  /** Whose program is run: its `path`. The process itself is one for this command. Default: the shared one. */
  helper?: Helper;
  /** Nothing is started where it is aborted already. It cannot be meanwhile. */
  signal?: AbortSignalLike;
  /** How long the program may take, in milliseconds; then it is ended. Default: 0, as long as it takes. */
  timeout?: number;
  /** What ends it then, and past `maxBuffer`. Default: SIGKILL. */
  killSignal?: Signal | number;
  /** How many milliseconds after `killSignal` it gets SIGKILL; as for `spawn`. Default: 5000. */
  forceKillAfter?: number | false;
  /** The whole process group of the program gets it; as for `spawn`. */
  killGroup?: boolean;
  /** Throws an `ExitError` unless the program exits with status 0. */
  check?: boolean;
}

/** How `outputSync` runs a command. */
export interface SyncOutputOptions extends SyncOptions {
  /**
   * What the program reads as its standard input, a string as UTF-8: from a file in memory that it cannot write to. A TypeError where
   * `stdin` is set to something else than a pipe.
   */
  input?: string | NodeJS.ArrayBufferView;
  /**
   * How many milliseconds after the program's end its pipes are let go, though processes that it has left behind hold them
   * open; otherwise as for `output`.
   */
  drainTimeout?: number;
  /** How many bytes it may write to standard output, and to standard error. Default: 64 MiB. */
  maxBuffer?: number;
  /** Otherwise as for `output`. */
  encoding?: 'buffer';
}

/** How `outputSync` runs a command whose output is text. */
export interface SyncTextOutputOptions extends Omit<SyncOutputOptions, 'encoding'> {
  /** What `stdout` and `stderr` are decoded as. */
  encoding: BufferEncoding;
}

/** `Command.statusSync`. */
export function statusNow(request: SpawnRequest, options: SyncOptions): ExitStatus {
  const finish = new Finish(request, options);
  const timeout = checkTimeout(options.timeout);
  const result = run(request, options, {
    timeout,
    maxBuffer: 0,
    drainTimeout: null,
    input: null,
    collects: false,
  });
  if (result.status === null || result.limit !== null) throw timedOut(shortText(request), timeout);
  return finish.status(result.status);
}

/** `Command.outputSync`. */
export function outputNow(
  request: SpawnRequest,
  options: SyncOutputOptions | SyncTextOutputOptions,
): Output<never> {
  const finish = new Finish(request, options);
  const timeout = checkTimeout(options.timeout);
  const maxBuffer = checkMaxBuffer(options.maxBuffer);
  const drainTimeout = checkDrainTimeout(options.drainTimeout);
  const input = options.input === undefined ? null : bytesOfInput(options.input);
  if (options.input !== undefined && input === null) {
    throw new TypeError('options.input must be a string, a TypedArray or a DataView');
  }
  const { status, limit, stdout, stderr } = run(request, options, {
    timeout,
    maxBuffer,
    drainTimeout,
    input,
    collects: true,
  });
  if (limit === 'maxBuffer') {
    const stream = stdout.length >= maxBuffer ? 'stdout' : 'stderr';
    throw finish.error(outputTooLarge(stream, { stdout, stderr }));
  }
  if (status === null || limit !== null) {
    throw finish.error(timedOut(shortText(request), timeout, { stdout, stderr }));
  }
  return finish.output({ status, stdout, stderr });
}

function run(
  request: SpawnRequest,
  options: SyncOptions,
  limits: Omit<OnceOptions, 'killSignal' | 'killGroup' | 'forceKillAfter'>,
): OnceResult {
  // The client waits for the program's end, and would not continue one that Ctrl-Z has stopped.
  const killSignal = checkKillSignal(options.killSignal);
  const forceKillAfter = checkForceKillAfter(options.forceKillAfter, killSignal);
  const killGroup = checkBoolean(options.killGroup, 'killGroup');
  checkKillGroup(options, request);
  const watch = watchSignal(options.signal);
  if (watch?.aborted) throw watch.reason;
  return (options.helper ?? Helper.shared()).runOnce(request, {
    ...limits,
    killSignal,
    killGroup,
    forceKillAfter,
  });
}
