import * as path from 'path';
import { Enum, type Field, loadSync, Type, util } from 'protobufjs';
import { packageRoot } from '../support';
import type { Dice } from './dice';

const messages = loadSync(path.join(packageRoot, 'proto/unshare.proto')).lookup('unshare.v1') as never as {
  lookupType(name: string): Type;
  root: { resolveAll(): void };
};
messages.root.resolveAll();

/** How many elements lists have at most that the helper reads, where that is not many. */
const LIMITS: Record<string, number> = { namespaces: 16, joins: 8, arguments: 6, pipes: 64 };

/** Of the messages' properties, whichever way they were made. */
export type Plain = { [name: string]: unknown };

export function typeOf(name: 'ToHelper' | 'ToClient'): Type {
  return messages.lookupType(name);
}

/** An envelope with one message, of which every field may have any value that has a meaning on the wire. */
export function randomEnvelope(dice: Dice, type: Type): Plain {
  const field = dice.pick(type.fieldsArray);
  return { [field.name]: randomMessage(dice, field.resolvedType as Type) };
}

function randomMessage(dice: Dice, type: Type): Plain {
  const message: Plain = {};
  const chosen = type.oneofsArray
    .filter(({ fieldsArray }) => fieldsArray.length > 1)
    .map(({ fieldsArray }) => dice.pick(fieldsArray));
  for (const field of type.fieldsArray) {
    const oneof = field.partOf !== null && field.partOf.fieldsArray.length > 1;
    if (oneof ? !chosen.includes(field) : dice.oneIn(3)) continue;
    if (field.repeated) {
      const most = Math.min(LIMITS[field.name] ?? 40, dice.oneIn(20) ? 40 : 4);
      message[field.name] = dice.list(most, () => randomValue(dice, field));
    } else {
      message[field.name] = randomValue(dice, field);
    }
  }
  return message;
}

function randomValue(dice: Dice, field: Field): unknown {
  if (field.resolvedType instanceof Enum) return dice.pick(Object.values(field.resolvedType.values));
  if (field.resolvedType instanceof Type) return randomMessage(dice, field.resolvedType);
  switch (field.type) {
    case 'bool':
      return dice.oneIn(2);
    case 'uint32':
      return dice.uint32();
    case 'uint64':
      // The client reads numbers: up to 2⁵³.
      return new util.LongBits(dice.uint32(), dice.uint32() >>> 11).toLong(true);
    case 'string':
      return String.fromCharCode(...dice.list(20, () => 1 + dice.below(0xd7ff)));
    case 'bytes':
      // Others are strings for the kernel, and refused where there is a NUL in them.
      return field.name === 'buffer' || field.name === 'stderr' ? dice.bytes() : dice.text();
    default:
      throw new Error(`fields of the type ${field.type} are not made`);
  }
}

/** What a message means, in a form that can be compared, of one that was decoded and of one that was made. */
export function meaning(type: Type, message: Plain): Plain {
  const found: Plain = {};
  for (const field of type.fieldsArray) {
    const value = message[field.name];
    const isAbsent = value === null || value === undefined;
    if (field.repeated)
      found[field.name] = isAbsent ? [] : (value as unknown[]).map(one => shown(field, one));
    else if (!isAbsent) found[field.name] = shown(field, value);
    else if (!field.hasPresence) found[field.name] = shown(field, defaultOf(field));
  }
  return found;
}

function defaultOf(field: Field): unknown {
  if (field.resolvedType instanceof Enum || field.type.startsWith('uint')) return 0;
  if (field.type === 'bool') return false;
  return field.type === 'bytes' ? Buffer.alloc(0) : '';
}

function shown(field: Field, value: unknown): unknown {
  if (field.resolvedType instanceof Type) return meaning(field.resolvedType, value as Plain);
  // A number of 64 bits is an object or a number.
  if (field.type === 'uint64') return `${value}`;
  return value instanceof Uint8Array ? Buffer.from(value).toString('hex') : value;
}
