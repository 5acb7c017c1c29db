import type { Dice } from './dice';

const REMARKABLE = [0x00, 0x01, 0x02, 0x08, 0x0a, 0x12, 0x7f, 0x80, 0xff];

/** `bytes` with a few changes: of bits and bytes, pieces that are gone or there twice, an end before the end. */
export function mutate(dice: Dice, bytes: Buffer): Buffer {
  let changed = Buffer.from(bytes);
  for (let count = 1 + dice.upTo(dice.oneIn(8) ? 16 : 2); count > 0 && changed.length > 0; count -= 1) {
    const at = dice.below(changed.length);
    const [before, after] = [changed.subarray(0, at), changed.subarray(at)];
    switch (dice.below(7)) {
      case 0:
        changed[at]! ^= 1 << dice.below(8);
        break;
      case 1:
        changed[at] = dice.below(256);
        break;
      case 2:
        changed[at] = dice.pick(REMARKABLE);
        break;
      case 3:
        changed = Buffer.concat([before, dice.bytes(1 + dice.upTo(4)), after]);
        break;
      case 4:
        changed = Buffer.concat([before, after.subarray(1 + dice.upTo(20))]);
        break;
      case 5: {
        const from = dice.below(changed.length);
        changed = Buffer.concat([before, changed.subarray(from, from + 1 + dice.upTo(40)), after]);
        break;
      }
      default:
        changed = Buffer.from(before);
    }
  }
  return changed;
}

/** `bytes` in pieces of any size. */
export function* pieces(dice: Dice, bytes: Uint8Array): IterableIterator<Uint8Array> {
  const most = dice.pick([1, 8, 200, bytes.length]);
  for (let at = 0; at < bytes.length; ) {
    const size = 1 + dice.upTo(Math.max(most - 1, 0));
    yield bytes.subarray(at, at + size);
    at += size;
  }
}
