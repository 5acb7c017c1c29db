import { UnshareError } from '../error/error';
import { unshare } from '../messages';
import { encodeFrame, encodeVarint } from './codec';

import v1 = unshare.v1;

/** Largest message that a helper takes, in bytes: `message_in_size_max` in helper/limits.zig. */
export const MESSAGE_OUT_MAX = 8 * 1024 * 1024;

/** Of `ToHelper.spawn`: field number 2, and wire type 2 for what has a length. */
const SPAWN_TAG = (2 << 3) | 2;

type Entries = readonly Uint8Array[];

/** The environment that was encoded last. It is most of a message, and seldom changes between two of them. */
let knownEntries: Entries = [];
let knownEnvironment: Uint8Array = Buffer.alloc(0);

/**
 * The frame with the envelope of `message`. Its environment comes last: parts of a message may be encoded one by one, and put
 * together as bytes. Throws at the stage `Limit` where it is too large.
 */
export function encodeSpawn(message: v1.Spawn.$Properties): Buffer {
  const environment = encodeEnvironment(message.environment ?? []);
  const rest = v1.Spawn.encode({ ...message, environment: [] }).finish();
  const length = rest.length + environment.length;
  const start = Buffer.of(SPAWN_TAG, ...encodeVarint(length));
  if (start.length + length > MESSAGE_OUT_MAX) throw commandTooLarge(start.length + length);
  return encodeFrame(start, rest, environment);
}

/** An array is taken for what it was: nobody changes one that is part of a message. */
function encodeEnvironment(entries: Entries): Uint8Array {
  if (entries !== knownEntries) {
    knownEnvironment = v1.Spawn.encode({ environment: entries as Uint8Array[] }).finish();
    knownEntries = entries;
  }
  return knownEnvironment;
}

function commandTooLarge(size: number): UnshareError {
  return new UnshareError({
    stage: 'Limit',
    doing: 'the command is too large',
    reason: `its message has ${size} bytes; the limit is ${MESSAGE_OUT_MAX}`,
  });
}
