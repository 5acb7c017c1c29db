/** Random choices that a seed decides, the same on every machine. */
export class Dice {
  private state: number;

  constructor(seed: number) {
    // Neighbouring seeds are to have nothing in common.
    this.state = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) | 0;
    for (let i = 0; i < 4; i += 1) this.bits();
  }

  /** 32 of them (mulberry32). */
  bits(): number {
    this.state = (this.state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.state ^ (this.state >>> 15), this.state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return (mixed ^ (mixed >>> 14)) >>> 0;
  }

  /** 0 up to and without `end`. */
  below(end: number): number {
    return Math.floor((this.bits() / 2 ** 32) * end);
  }

  upTo(most: number): number {
    return this.below(most + 1);
  }

  oneIn(odds: number): boolean {
    return this.below(odds) === 0;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)]!;
  }

  /** Some of them, in any order. */
  some<T>(from: readonly T[], odds = 3): T[] {
    const found = from.filter(() => this.oneIn(odds));
    for (let at = found.length - 1; at > 0; at -= 1) {
      const other = this.upTo(at);
      [found[at], found[other]] = [found[other]!, found[at]!];
    }
    return found;
  }

  list<T>(most: number, make: (index: number) => T): T[] {
    return Array.from({ length: this.upTo(most) }, (_, index) => make(index));
  }

  /** Mostly a few, seldom many. */
  size(): number {
    if (this.oneIn(300)) return this.upTo(20_000);
    return this.upTo(this.oneIn(6) ? 100 : 8);
  }

  bytes(length = this.size()): Buffer {
    const bytes = Buffer.allocUnsafe(length);
    for (let at = 0; at < length; at += 1) bytes[at] = this.below(256);
    return bytes;
  }

  /** Every byte but NUL, and but those of `without`. */
  text(length = this.size(), without: readonly number[] = []): Buffer {
    const bytes = this.bytes(length);
    for (let at = 0; at < length; at += 1) {
      while (bytes[at] === 0 || without.includes(bytes[at]!)) bytes[at] = this.below(256);
    }
    return bytes;
  }

  /** Small ones, those around powers of two, and any, of 32 bits. */
  uint32(): number {
    if (this.oneIn(2)) return this.below(10);
    if (this.oneIn(2)) return (2 ** this.upTo(32) + this.below(3) + 2 ** 32 - 1) % 2 ** 32;
    return this.bits();
  }
}
