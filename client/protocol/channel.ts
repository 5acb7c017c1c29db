import { Errno } from '../error/errno';
import { UnshareError } from '../error/error';
import { unshare } from '../messages';
import { SIGNAL_MAX } from '../signals';
import { PROTOCOL, VERSION } from '../version';
import { clientThread } from './client-thread';
import { encodeFrame, FrameDecoder } from './codec';
import { isPossible } from './exit-status-message';
import { LaunchWindow } from './launch-window';
import { helperRefused, protocolViolation, unreadableMessage, versionMismatch } from './protocol-errors';
import { quickAnswer } from './quick-answer';
import { encodeSpawn } from './spawn-frame';
import type { SpawnMessage } from './spawn-message';
import { InputStream, OutputStream, type StreamLink, writeFailed } from './stream';
import { encodeStreamData } from './stream-frame';
import type { Trace } from './trace';

import v1 = unshare.v1;

/** Largest message that is taken from a helper, in bytes. The helper's own limit is far below. */
const MESSAGE_IN_MAX = 128 * 1024;

const ID_MAX = 2 ** 32 - 1;

const { DESCRIPTOR_SOURCE_STREAM_READ: STREAM_READ, DESCRIPTOR_SOURCE_STREAM_WRITE: STREAM_WRITE } =
  v1.DescriptorSource;

/**
 * What happens to a command, told to whoever asked for it. `failed`, `withdrawn`, `died` or `lost` is the last that is
 * called. An `UnshareError` that one of them throws ends the conversation.
 */
export interface CommandEvents {
  /**
   * It is there, frozen, as it was asked to be: `unfreeze` or `abort` has to follow. Called once, before
   * `spawned`.
   */
  frozen(message: v1.Frozen): void;
  /** It runs. `streams` are those of its descriptors, by their number in the program. */
  spawned(message: v1.Spawned, streams: Streams): void;
  /** It could not be started, and nothing follows. */
  failed(message: v1.SpawnFailed): void;
  /** It was aborted before the helper was asked for it. */
  withdrawn(): void;
  /** A signal has stopped it. */
  stopped(signal: number): void;
  /** It goes on. */
  continued(): void;
  /** It ran and has ended. */
  died(status: v1.ExitStatus.$Properties): void;
  /** The helper was lost before the command failed or ended; nothing more will be known of it. */
  lost(error: UnshareError): void;
}

/** What happens to processes that the helper has adopted. */
export interface OrphanEvents {
  stopped(pid: number, signal: number): void;
  continued(pid: number): void;
  died(pid: number, status: v1.ExitStatus.$Properties): void;
}

/** What a channel needs of the world. */
export interface ChannelOptions {
  /** The helper's path, for messages. */
  path: string;
  /** Told of orphans, which the helper then adopts; null: it does not. */
  orphans?: OrphanEvents | null;
  /** Sees every message. */
  trace?: Trace | null;
  /** Sends bytes to the helper. */
  write(bytes: Uint8Array): void;
  /** Called before a command is sent that had to wait for others: the client may be another one than when it asked for it. */
  hasWaited?(): void;
  /** Called when the last open stream has ended. */
  streamsEnded?(): void;
  /** Called when the helper has sent what it must not, after everything that was pending was told. */
  failed(error: UnshareError): void;
}

/**
 * How far a command has come: asked for, to be frozen at first; frozen; asked for or unfrozen, to run next;
 * running.
 */
type Progress = 'freezing' | 'frozen' | 'starting' | 'running';

interface LiveCommand {
  events: CommandEvents;
  progress: Progress;
  descriptors: readonly v1.Descriptor.$Properties[];
}

/** The streams of a command, by the number of the descriptor in the program. */
export type Streams = ReadonlyMap<number, OutputStream | InputStream>;

interface Settler<T> {
  resolve(value: T): void;
  reject(error: UnshareError): void;
}

/**
 * The conversation with one helper: sends requests, and hands each answer to whoever waits for it. It knows
 * bytes only, not where they come from. Whatever the helper sends, everything that is pending settles, and
 * once.
 */
export class Channel {
  private readonly options: ChannelOptions;
  private readonly decoder = new FrameDecoder(MESSAGE_IN_MAX);
  private readonly commands = new Map<number, LiveCommand>();
  private readonly window = new LaunchWindow();
  private readonly signals = new Map<number, Settler<number>>();
  private readonly reaps = new Map<number, Settler<void>>();
  /** Those that have not ended, by the number that the helper gave them. */
  private readonly streams = new Map<number, OutputStream | InputStream>();
  private lastCommand = 0;
  private lastRequest = 0;
  private hello: v1.Hello | null = null;
  private readonly greetingWaiters: Settler<v1.Hello>[] = [];
  private failure: UnshareError | null = null;
  private isRetired = false;

  constructor(options: ChannelOptions) {
    this.options = options;
    const subreaper = (options.orphans ?? null) !== null;
    this.send({ hello: { protocol: PROTOCOL, version: VERSION, subreaper, clientThread: clientThread() } });
  }

  /**
   * Asks for a command, as soon as there are not too many on their way. Returns the number that it has from now on, which is put into the message. Throws at
   * the stage `Limit` where the message is too large.
   */
  spawn(message: SpawnMessage, events: CommandEvents): number {
    if (this.failure !== null) throw this.failure;
    const command = nextId(this.lastCommand, this.commands);
    message.command = command;
    const frame = encodeSpawn(message);
    this.lastCommand = command;
    const progress = message.freeze ? 'freezing' : 'starting';
    this.commands.set(command, { events, progress, descriptors: message.descriptors });
    let waits = false;
    this.window.enter(command, () => {
      if (waits) this.options.hasWaited?.();
      if (this.isRetired) {
        this.takeFailed(tooLate(command));
        return;
      }
      this.options.trace?.('>', { spawn: message });
      this.options.write(frame);
    });
    waits = true;
    return command;
  }

  /** Sends a signal to a command, or to the process group that it leads. Resolves with the error number, 0 for success. */
  signal(command: number, signal: number, group = false): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.failure !== null) throw this.failure;
      const request = nextId(this.lastRequest, this.signals);
      this.lastRequest = request;
      this.signals.set(request, { resolve, reject });
      this.send({ signal: { request, command, signal, group } });
    });
  }

  /** Whether a stream has not ended. */
  get hasStreams(): boolean {
    return this.streams.size > 0;
  }

  /** Resolves when everything was told that had happened to children before. */
  reap(): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.failure !== null) throw this.failure;
      const request = nextId(this.lastRequest, this.reaps);
      this.lastRequest = request;
      this.reaps.set(request, { resolve, reject });
      this.send({ reap: { request } });
    });
  }

  /** Lets the helper close its ends of a command's pipes. */
  releasePipes(command: number): void {
    if (this.failure === null) this.send({ releasePipes: { command } });
  }

  /** Lets a frozen command go on. */
  unfreeze(command: number): void {
    const live = this.commands.get(command);
    if (live?.progress !== 'frozen') return;
    live.progress = 'starting';
    this.send({ unfreeze: { command } });
  }

  /** Ends a command that does not run yet. It is answered as usual, or withdrawn now. */
  abort(command: number): void {
    const live = this.commands.get(command);
    if (live === undefined || live.progress === 'running') return;
    if (!this.window.withdraw(command)) {
      this.send({ abort: { command } });
      return;
    }
    this.commands.delete(command);
    live.events.withdrawn();
  }

  /** Resolves with the helper's Hello. */
  greeting(): Promise<v1.Hello> {
    return new Promise((resolve, reject) => {
      if (this.failure !== null) throw this.failure;
      if (this.hello !== null) resolve(this.hello);
      else this.greetingWaiters.push({ resolve, reject });
    });
  }

  /** Lets the helper do nothing new any more, and end with its last child. What still waits for its turn fails. */
  retire(): void {
    if (this.failure !== null) return;
    this.isRetired = true;
    this.send({ retire: {} });
    this.window.open();
  }

  /** Takes bytes that the helper has sent, in pieces of any size. Never throws. */
  receive(chunk: Uint8Array): void {
    if (this.failure !== null) return;
    try {
      for (const body of this.decoder.decode(chunk)) {
        this.dispatch(quickAnswer(body) ?? v1.ToClient.decode(body));
        // Handlers may have ended the conversation.
        if (this.failure !== null) return;
      }
    } catch (error) {
      const failure =
        error instanceof UnshareError ? error : unreadableMessage(this.options.path, error as Error);
      this.fail(failure);
      this.options.failed(failure);
    }
  }

  /** Ends the conversation: everything that is pending is told `error`. Does nothing when called again. */
  fail(error: UnshareError): void {
    if (this.failure !== null) return;
    this.failure = error;
    this.window.clear();
    const commands = [...this.commands.values()];
    const requests = [...this.signals.values(), ...this.reaps.values()];
    this.commands.clear();
    this.signals.clear();
    this.reaps.clear();
    const streams = [...this.streams.values()];
    this.streams.clear();
    for (const { events } of commands) events.lost(error);
    for (const stream of streams) stream.over(error);
    for (const { reject } of [...requests, ...this.greetingWaiters.splice(0)]) reject(error);
  }

  private send(message: v1.ToHelper.$Properties): void {
    this.options.trace?.('>', message);
    this.options.write(encodeFrame(v1.ToHelper.encode(message).finish()));
  }

  private dispatch(envelope: v1.ToClient.$Properties): void {
    this.options.trace?.('<', envelope);
    const { hello, frozen, spawned, spawnFailed, died, signalResult, protocolError } = envelope;
    const { stopped, continued, reaped, streamData, streamCredit, closeStream } = envelope;
    if (protocolError) throw helperRefused(this.options.path, protocolError.name ?? '');
    if (!hello && this.hello === null)
      throw protocolViolation(this.options.path, 'the first message is not Hello');
    if (hello) this.greet(hello as v1.Hello);
    else if (frozen) this.takeFrozen(frozen as v1.Frozen);
    else if (streamData) this.takeStreamData(streamData as v1.StreamData);
    else if (spawned) this.takeSpawned(spawned as v1.Spawned);
    else if (spawnFailed) this.takeFailed(spawnFailed as v1.SpawnFailed);
    else if (died) this.takeDied(died as v1.Died);
    else if (stopped) this.takeStopped(stopped as v1.Stopped);
    else if (continued) this.takeContinued(continued as v1.Continued);
    else if (reaped) this.takeReaped(reaped as v1.Reaped);
    else if (streamCredit) this.takeStreamCredit(streamCredit as v1.StreamCredit);
    else if (closeStream) this.takeCloseStream(closeStream as v1.CloseStream);
    else if (signalResult) this.takeSignalResult(signalResult as v1.SignalResult);
    else throw protocolViolation(this.options.path, 'a message of an unknown kind');
  }

  private greet(hello: v1.Hello): void {
    if (this.hello !== null) throw protocolViolation(this.options.path, 'a second Hello');
    if (hello.protocol !== PROTOCOL) throw versionMismatch(this.options.path, hello);
    this.hello = hello;
    for (const { resolve } of this.greetingWaiters.splice(0)) resolve(hello);
  }

  private takeFrozen(message: v1.Frozen): void {
    const live = this.commands.get(message.command);
    if (live === undefined)
      throw protocolViolation(this.options.path, 'Frozen for a command that was not asked for');
    if (live.progress !== 'freezing')
      throw protocolViolation(this.options.path, 'Frozen for a command that was not to be frozen');
    live.progress = 'frozen';
    this.window.leave(message.command);
    live.events.frozen(message);
  }

  private takeSpawned(message: v1.Spawned): void {
    const live = this.commands.get(message.command);
    if (live === undefined)
      throw protocolViolation(this.options.path, 'Spawned for a command that was not asked for');
    if (live.progress === 'running')
      throw protocolViolation(this.options.path, 'a second Spawned for a command');
    if (live.progress !== 'starting')
      throw protocolViolation(this.options.path, 'Spawned for a command that was not unfrozen');
    live.progress = 'running';
    live.events.spawned(message, this.openStreams(live, message));
    this.window.leave(message.command);
  }

  private openStreams(live: LiveCommand, { command, streams }: v1.Spawned): Streams {
    const opened = new Map<number, OutputStream | InputStream>();
    for (const told of streams) {
      const number = told.number ?? 0;
      const index = told.stream ?? 0;
      const descriptor = live.descriptors.find(asked => asked.number === number);
      const isOutput = descriptor?.source === STREAM_WRITE;
      if (
        this.streams.has(index) ||
        opened.has(number) ||
        !(isOutput || descriptor?.source === STREAM_READ)
      ) {
        throw protocolViolation(this.options.path, 'Spawned with a stream that was not asked for');
      }
      const link = this.streamLink(command, index);
      const stream = isOutput
        ? new OutputStream(link)
        : new InputStream(link, descriptor!.input?.length ?? 0, descriptor!.inputEnds ?? false);
      this.streams.set(index, stream);
      opened.set(number, stream);
    }
    return opened;
  }

  private streamLink(command: number, stream: number): StreamLink {
    const send = (message: v1.ToHelper.$Properties) => {
      if (this.failure === null) this.send(message);
    };
    return {
      send: (data, end) => {
        if (this.failure !== null) return;
        this.options.trace?.('>', { streamData: { command, stream, data, end } });
        this.options.write(encodeStreamData(command, stream, data, end));
      },
      credit: size => send({ streamCredit: { command, stream, size } }),
      close: drain => send({ closeStream: { command, stream, drain } }),
    };
  }

  private takeStreamData({ stream: index, data, end }: v1.StreamData): void {
    const stream = this.streams.get(index);
    if (!(stream instanceof OutputStream))
      throw protocolViolation(this.options.path, 'StreamData for a stream that is not open');
    if (data.length > 0) stream.take(data);
    if (end) this.endStream(index, stream, null);
  }

  private takeStreamCredit({ stream: index, size }: v1.StreamCredit): void {
    const stream = this.streams.get(index);
    if (!(stream instanceof InputStream))
      throw protocolViolation(this.options.path, 'StreamCredit for a stream that is not open');
    stream.credit(size);
  }

  private takeCloseStream({ stream: index, errno }: v1.CloseStream): void {
    const stream = this.streams.get(index);
    if (!(stream instanceof InputStream))
      throw protocolViolation(this.options.path, 'CloseStream for a stream that is not open');
    this.endStream(index, stream, errno === 0 ? null : writeFailed(errno));
  }

  private endStream(index: number, stream: OutputStream | InputStream, error: Error | null): void {
    this.streams.delete(index);
    stream.over(error);
    if (this.streams.size === 0) this.options.streamsEnded?.();
  }

  private takeFailed(message: v1.SpawnFailed): void {
    const live = this.commands.get(message.command);
    if (live === undefined)
      throw protocolViolation(this.options.path, 'SpawnFailed for a command that was not asked for');
    if (live.progress === 'running') throw protocolViolation(this.options.path, 'SpawnFailed after Spawned');
    if (message.signal > SIGNAL_MAX) {
      throw protocolViolation(this.options.path, 'SpawnFailed with a signal that there is not');
    }
    if (message.exitStatus && !isPossible(message.exitStatus)) {
      throw protocolViolation(this.options.path, 'SpawnFailed with a status that no program can have');
    }
    live.events.failed(message);
    this.commands.delete(message.command);
    this.window.leave(message.command);
  }

  private takeDied(message: v1.Died): void {
    const { command, pid } = message;
    const live = command === 0 ? null : this.running(command, 'Died');
    const status = message.exitStatus;
    if (!status) throw protocolViolation(this.options.path, 'Died without a status');
    if (!isPossible(status)) {
      throw protocolViolation(this.options.path, 'Died with a status that no program can have');
    }
    if (live === null) {
      this.orphans('Died').died(pid, status);
      return;
    }
    live.events.died(status);
    this.commands.delete(command);
  }

  private takeStopped({ command, pid, signal }: v1.Stopped): void {
    if (signal < 1 || signal > SIGNAL_MAX) {
      throw protocolViolation(this.options.path, 'Stopped by a signal that there is not');
    }
    if (command === 0) this.orphans('Stopped').stopped(pid, signal);
    else this.running(command, 'Stopped').events.stopped(signal);
  }

  private takeContinued({ command, pid }: v1.Continued): void {
    if (command === 0) this.orphans('Continued').continued(pid);
    else this.running(command, 'Continued').events.continued();
  }

  /** The command that `message` is about, which has to run. */
  private running(command: number, message: string): LiveCommand {
    const live = this.commands.get(command);
    if (live === undefined)
      throw protocolViolation(this.options.path, `${message} for a command that was not asked for`);
    if (live.progress !== 'running') throw protocolViolation(this.options.path, `${message} before Spawned`);
    return live;
  }

  private orphans(message: string): OrphanEvents {
    const { orphans } = this.options;
    if (!orphans)
      throw protocolViolation(this.options.path, `${message} for an orphan, which was not to be adopted`);
    return orphans;
  }

  private takeReaped({ request }: v1.Reaped): void {
    const pending = this.reaps.get(request);
    if (pending === undefined)
      throw protocolViolation(this.options.path, 'Reaped for what was not asked for');
    this.reaps.delete(request);
    pending.resolve();
  }

  private takeSignalResult(message: v1.SignalResult): void {
    const pending = this.signals.get(message.request);
    if (pending === undefined)
      throw protocolViolation(this.options.path, 'SignalResult for a signal that was not sent');
    this.signals.delete(message.request);
    pending.resolve(message.errno);
  }
}

/** The number after `last`, from 1 on, that is not in use. */
function nextId(last: number, used: ReadonlyMap<number, unknown>): number {
  let id = last;
  do id = id < ID_MAX ? id + 1 : 1;
  while (used.has(id));
  return id;
}

/** The answer for a command that a retired helper is not asked for any more, as the helper would give it. */
function tooLate(command: number): v1.SpawnFailed {
  return new v1.SpawnFailed({
    command,
    stage: v1.Stage.STAGE_UNKNOWN_ERROR,
    errno: Errno.EPERM,
    detail: 'the client has given up privileges since it asked for this',
  });
}
