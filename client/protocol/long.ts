import type Long = require('long');

import { util } from '../protobuf';

/** `value` has 64 bits, and no sign. */
export function toLong(value: bigint): Long {
  const low = Number(BigInt.asUintN(32, value));
  const high = Number(value >> BigInt(32));
  return new util.LongBits(low, high).toLong(true) as Long;
}
