import { closeSync, fstatSync, readSync } from 'fs';
import { withAutoMaps } from '../command/auto-maps';
import { FileSource } from '../command/open-file';
import type { DescriptorRequest, SpawnRequest } from '../command/spawn-request';
import { UnshareError } from '../error/error';
import { toSpawnError } from '../error/spawn-failure';
import { quote } from '../escape';
import { unshare } from '../messages';
import type { ExitStatus } from '../process/exit-status';
import { encodeFrame, FrameDecoder } from '../protocol/codec';
import { isPossible, toExitStatus } from '../protocol/exit-status-message';
import {
  helperRefused,
  protocolViolation,
  unreadableMessage,
  versionMismatch,
} from '../protocol/protocol-errors';
import { encodeSpawn } from '../protocol/spawn-frame';
import { toSpawnMessage } from '../protocol/spawn-message';
import { type Trace, tracer } from '../protocol/trace';
import { signalNumber } from '../signals';
import { PROTOCOL, VERSION } from '../version';
import { releaseFiles, toCarried } from './carried';
import { type Backstop, runHelperOnce } from './helper-process';
import { openUnlinkedFile } from './once-file';
import { startOf, workingDirectory } from './working-directory';

import v1 = unshare.v1;

/** How a run for one command is limited, and what it reads. */
export interface OnceOptions {
  /** In milliseconds; 0 for none. */
  readonly timeout: number;
  /** Bytes of each output. */
  readonly maxBuffer: number;
  /** In milliseconds after the program's end; null for as long as its pipes are open. */
  readonly drainTimeout: number | null;
  readonly killSignal: number;
  readonly killGroup: boolean;
  /** In milliseconds after `killSignal`; null for never. */
  readonly forceKillAfter: number | null;
  /** What the program reads as its standard input, or null for what the command has set. */
  readonly input: Uint8Array | null;
  /** Whether somebody wants what the program writes to pipes. */
  readonly collects: boolean;
}

/** How it ended: with a status, and the limit that was reached, if one was. */
export interface OnceResult {
  readonly status: ExitStatus | null;
  readonly limit: 'timeout' | 'maxBuffer' | null;
  readonly stdout: Buffer;
  readonly stderr: Buffer;
}

const SIGKILL = signalNumber('SIGKILL');

/** Only one command is in such a run. */
const COMMAND = 1;

/** Answers are few and small. */
const ANSWER_MAX = 64 * 1024;

/**
 * Runs a command in a helper that this thread waits for. Command and answers are in a file without a name: arguments of a
 * process are limited in size and everybody's to read. Throws as a spawn rejects.
 */
export function runOnce(path: string, request: SpawnRequest, options: OnceOptions): OnceResult {
  const opened: number[] = [];
  try {
    checkPossible(request);
    const input = options.input === null ? null : openUnlinkedFile(options.input);
    if (input !== null) opened.push(input);
    const adapted = {
      ...withAutoMaps(request),
      descriptors: request.descriptors.map(one => adapt(one, input, options.collects)),
    };
    const carried = toCarried(adapted, false);
    const current = workingDirectory();
    // The helper is started there.
    const message = toSpawnMessage(adapted, startOf(current, current, adapted), carried);
    message.command = COMMAND;
    message.sealInput = input !== null;
    message.killGroup = options.killGroup;
    message.runLimits = {
      timeoutMs: options.timeout,
      outputSizeMax: Math.min(options.maxBuffer, Number.MAX_SAFE_INTEGER),
      killSignal: options.killSignal,
      drainTimeoutMs: options.drainTimeout,
      forceKillAfterMs: options.forceKillAfter,
    };
    const trace = tracer(() => 'for one command');
    const encoded = encodeRequest(message);
    const file = openUnlinkedFile(encoded);
    opened.push(file);
    trace?.('>', { spawn: message });
    const isPiped = (number: number) =>
      adapted.descriptors.some(one => one.number === number && one.kind === 'piped-write');
    const { stdout, stderr, failure, isLate } = runHelperOnce(
      path,
      file,
      [isPiped(1), isPiped(2)],
      carried,
      backstopFor(request, options),
    );
    const { failed, died, limit } = readAnswers(path, file, encoded.length, trace);
    if (failed !== null && limit === null) throw toSpawnError(path, failed, { request: adapted, message });
    if (failed === null && died === null) {
      if (isLate) return { status: null, limit: 'timeout', stdout, stderr };
      throw failure ?? noAnswer(path);
    }
    return { status: died, limit, stdout, stderr };
  } finally {
    for (const descriptor of opened) closeSync(descriptor);
    releaseFiles(request);
  }
}

/** How long the helper may take to end the program after its time, in milliseconds. */
const BACKSTOP_MS = 1000;

/**
 * The helper watches over the time, unless somebody has stopped it. Then SIGKILL ends it, and the program by its death signal, as
 * the timeout would have done. If the timeout sends another signal, or the program has another death signal, it is up to the
 * program when it ends: the helper is only made to go on. SIGCONT does nothing to one that runs.
 */
function backstopFor(request: SpawnRequest, { timeout, killSignal }: OnceOptions): Backstop | null {
  if (timeout === 0) return null;
  const kills = killSignal === SIGKILL && request.parentDeathSignal === SIGKILL;
  return { afterMs: timeout + BACKSTOP_MS, signal: kills ? 'SIGKILL' : 'SIGCONT' };
}

/** What takes a client that is not waiting. */
function checkPossible({ beforeUnfreeze, descriptors }: SpawnRequest): void {
  if (beforeUnfreeze !== null) {
    throw new UnshareError({
      stage: 'BeforeUnfreeze',
      doing: 'beforeUnfreeze cannot be called',
      reason: 'the client waits for the end of a synchronous call',
    });
  }
  for (const { number, kind } of descriptors) {
    if (number < 3 || (kind !== 'piped-read' && kind !== 'piped-write')) continue;
    throw new UnshareError({
      stage: 'StdioError',
      item: `${number}`,
      doing: `descriptor ${number} cannot be a pipe to the client`,
      reason: 'the client waits for the end of a synchronous call',
    });
  }
}

/**
 * What the program writes to a pipe at 1 and 2, the helper hands on. Nobody can write to one at 0: it is given `input` in a
 * file, where there is any.
 */
function adapt(descriptor: DescriptorRequest, input: number | null, collects: boolean): DescriptorRequest {
  const { number, kind } = descriptor;
  if (kind === 'piped-write' && !collects) return { number, kind: 'null-write' };
  if (number !== 0 || (input === null && kind !== 'piped-read')) return descriptor;
  if (input === null) return { number, kind: 'null-read' };
  return { number, kind: 'dup-file', file: new FileSource(input, false) };
}

function encodeRequest(message: v1.Spawn.$Properties): Buffer {
  const hello = v1.ToHelper.encode({ hello: { protocol: PROTOCOL, version: VERSION } }).finish();
  return Buffer.concat([encodeFrame(hello), encodeSpawn(message)]);
}

interface Answers {
  failed: v1.SpawnFailed | null;
  died: ExitStatus | null;
  limit: OnceResult['limit'];
}

/** The messages of the helper, which are behind the first `start` bytes. */
function readAnswers(path: string, file: number, start: number, trace: Trace | null): Answers {
  const bytes = Buffer.alloc(fstatSync(file).size - start);
  readSync(file, bytes, 0, bytes.length, start);
  const answers: Answers = { failed: null, died: null, limit: null };
  try {
    for (const body of new FrameDecoder(ANSWER_MAX).decode(bytes)) {
      const message = v1.ToClient.decode(body);
      trace?.('<', message);
      take(path, message, answers);
    }
  } catch (error) {
    throw error instanceof UnshareError ? error : unreadableMessage(path, error as Error);
  }
  return answers;
}

function noAnswer(path: string): UnshareError {
  return new UnshareError({
    stage: 'Helper',
    path,
    doing: `the helper ${quote(path)} has given no answer`,
  });
}

function take(path: string, message: v1.ToClient, answers: Answers): void {
  const { hello, spawnFailed, died, limitReached, protocolError } = message;
  if (protocolError) throw helperRefused(path, protocolError.name ?? '');
  if (hello && hello.protocol !== PROTOCOL) throw versionMismatch(path, hello);
  if (spawnFailed) answers.failed = spawnFailed as v1.SpawnFailed;
  if (limitReached) {
    answers.limit = limitReached.limit === v1.RunLimit.RUN_LIMIT_TIMEOUT ? 'timeout' : 'maxBuffer';
  }
  if (died) {
    const status = died.exitStatus;
    if (!status || !isPossible(status)) {
      throw protocolViolation(path, 'Died with a status that no program can have');
    }
    answers.died = toExitStatus(status);
  }
}
