import { unshare } from '../messages';

import v1 = unshare.v1;

/*
 * Every command brings a `Spawned` and a `Died`, and most bytes come in `StreamData`. Reading these by hand takes a third of
 * the time that protobufjs takes, which builds a generic object for each level. Whatever is not exactly what the helper
 * writes is left to protobufjs.
 */

const VARINT = 0;
const BYTES = 2;

/** More would not fit a number in the arithmetic below. None of the helper's counts comes near. */
const VARINT_BYTES_MAX = 7;
const UINT32_MAX = 2 ** 32 - 1;

const SPAWNED = (2 << 3) | BYTES;
const DIED = (4 << 3) | BYTES;
const STREAM_DATA = (14 << 3) | BYTES;
const COMMAND = (1 << 3) | VARINT;
const SPAWNED_PID = (2 << 3) | VARINT;
const STREAM = (2 << 3) | VARINT;
const DATA = (3 << 3) | BYTES;
const END = (4 << 3) | VARINT;
const DIED_STATUS = (2 << 3) | BYTES;
const DIED_PID = (3 << 3) | VARINT;
const EXIT_CODE = (1 << 3) | VARINT;
const SIGNAL = (2 << 3) | VARINT;
const CORE_DUMPED = (3 << 3) | VARINT;
const RESOURCE_USAGE = (4 << 3) | BYTES;

/** Thrown for what is left to protobufjs. One object, as making an error is slow. */
const NOT_QUICK = new Error('not one of the frequent answers');

let bytes: Uint8Array = new Uint8Array(0);
let at = 0;

/** The envelope of a `Spawned` without pipes, of a `Died` or of a `StreamData`; null for every other message. */
export function quickAnswer(body: Uint8Array): v1.ToClient.$Properties | null {
  const tag = body[0];
  if (tag !== SPAWNED && tag !== DIED && tag !== STREAM_DATA) return null;
  bytes = body;
  at = 1;
  try {
    const end = readEnd(body.length);
    if (end !== body.length) return null;
    if (tag === STREAM_DATA) return { streamData: readStreamData(end) };
    return tag === SPAWNED ? { spawned: readSpawned(end) } : { died: readDied(end) };
  } catch (error) {
    if (error !== NOT_QUICK) throw error;
    return null;
  }
}

function readSpawned(end: number): v1.Spawned.$Properties {
  const message = { command: 0, pid: 0, pipes: [], streams: [] };
  for (let last = 0; at < end; ) {
    const tag = readTag(last);
    last = tag;
    if (tag === COMMAND) message.command = readUint32(end);
    else if (tag === SPAWNED_PID) message.pid = readUint32(end);
    else throw NOT_QUICK;
  }
  return message;
}

/** Its bytes come last, and are a part of the body. */
function readStreamData(end: number): v1.StreamData.$Properties {
  if (bytes[at++] !== COMMAND) throw NOT_QUICK;
  const command = readUint32(end);
  if (bytes[at++] !== STREAM) throw NOT_QUICK;
  const stream = readUint32(end);
  if (bytes[at++] !== END) throw NOT_QUICK;
  const isEnd = readUint32(end);
  if (isEnd > 1 || bytes[at++] !== DATA || readEnd(end) !== end) throw NOT_QUICK;
  return { command, stream, data: bytes.subarray(at, end), end: isEnd === 1 };
}

function readDied(end: number): v1.Died.$Properties {
  const message = { command: 0, exitStatus: null as v1.ExitStatus.$Properties | null, pid: 0 };
  for (let last = 0; at < end; ) {
    const tag = readTag(last);
    last = tag;
    if (tag === COMMAND) message.command = readUint32(end);
    else if (tag === DIED_STATUS) message.exitStatus = readStatus(readEnd(end));
    else if (tag === DIED_PID) message.pid = readUint32(end);
    else throw NOT_QUICK;
  }
  return message;
}

function readStatus(end: number): v1.ExitStatus.$Properties {
  const status = {
    exitCode: 0,
    signal: 0,
    coreDumped: false,
    resourceUsage: null as v1.ResourceUsage.$Properties | null,
  };
  for (let last = 0; at < end; ) {
    const tag = readTag(last);
    last = tag;
    if (tag === EXIT_CODE) status.exitCode = readUint32(end);
    else if (tag === SIGNAL) status.signal = readUint32(end);
    else if (tag === CORE_DUMPED) status.coreDumped = readUint32(end) !== 0;
    else if (tag === RESOURCE_USAGE) status.resourceUsage = readUsage(readEnd(end));
    else throw NOT_QUICK;
  }
  return status;
}

/** The fields of ResourceUsage by their numbers. */
const USAGE_FIELDS = [
  null,
  'userTimeUs',
  'systemTimeUs',
  'maxResidentKib',
  'minorFaults',
  'majorFaults',
  'blocksIn',
  'blocksOut',
  'voluntarySwitches',
  'involuntarySwitches',
] as const;

function readUsage(end: number): v1.ResourceUsage.$Properties {
  const usage = {
    userTimeUs: 0,
    systemTimeUs: 0,
    maxResidentKib: 0,
    minorFaults: 0,
    majorFaults: 0,
    blocksIn: 0,
    blocksOut: 0,
    voluntarySwitches: 0,
    involuntarySwitches: 0,
  };
  for (let last = 0; at < end; ) {
    const tag = readTag(last);
    last = tag;
    const field = USAGE_FIELDS[tag >> 3];
    if ((tag & 7) !== VARINT || !field) throw NOT_QUICK;
    usage[field] = readVarint(end);
  }
  return usage;
}

/** A tag of one byte that is above the last one: the helper writes each field once, in order. */
function readTag(last: number): number {
  const tag = bytes[at]!;
  at += 1;
  if (tag >= 0x80 || tag <= last) throw NOT_QUICK;
  return tag;
}

/** Reads a length, and returns where what has it ends, which is not behind `outer`. */
function readEnd(outer: number): number {
  const length = readVarint(outer);
  if (length > outer - at) throw NOT_QUICK;
  return at + length;
}

function readUint32(end: number): number {
  const value = readVarint(end);
  if (value > UINT32_MAX) throw NOT_QUICK;
  return value;
}

function readVarint(end: number): number {
  let value = 0;
  for (let index = 0, factor = 1; index < VARINT_BYTES_MAX && at < end; index += 1, factor *= 0x80) {
    const byte = bytes[at]!;
    at += 1;
    // No shift: it would be one of 32 bits.
    value += (byte & 0x7f) * factor;
    if (byte < 0x80) return value;
  }
  throw NOT_QUICK;
}
