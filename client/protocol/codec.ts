/** The bytes that came in are not a sequence of frames. */
export class FrameError extends Error {
  override readonly name: 'VarintTooLong' | 'FrameTooLong';

  constructor(name: FrameError['name'], message: string) {
    super(message);
    this.name = name;
  }
}

/** Seven bits each: lengths up to 2³⁵−1, which is beyond every limit on a frame. */
const LENGTH_BYTES_MAX = 5;

/** The bytes of a whole number below 2⁵³ as a varint. */
export function encodeVarint(value: number): number[] {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 0x80) {
    bytes.push((rest % 0x80) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return bytes;
}

/** The body that consists of these parts, preceded by its length in bytes as a varint. */
export function encodeFrame(...parts: readonly Uint8Array[]): Buffer {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  const prefix = encodeVarint(length);
  const frame = Buffer.allocUnsafe(prefix.length + length);
  frame.set(prefix);
  let position = prefix.length;
  for (const part of parts) {
    frame.set(part, position);
    position += part.length;
  }
  return frame;
}

/** Takes a stream of bytes, in pieces of any size, apart into frames. It is of no use after it has thrown. */
export class FrameDecoder {
  private readonly bodyMax: number;
  /** Of the length that is being read: what is known of it, and from how many bytes. */
  private length = 0;
  private lengthBytes = 0;
  /**
   * Of the body that is being read, where it did not come in one piece; null while a length is being read.
   */
  private body: Buffer | null = null;
  private filled = 0;

  /** Bodies of more than `bodyMax` bytes are refused before anything is set aside for them. */
  constructor(bodyMax: number) {
    this.bodyMax = bodyMax;
  }

  /**
   * Yields the bodies of the frames that `chunk` completes, some of them as views of it, in order; then
   * throws a `FrameError` where the bytes after them cannot be a frame.
   */
  *decode(chunk: Uint8Array): IterableIterator<Uint8Array> {
    let position = 0;
    while (position < chunk.length) {
      if (this.body !== null) {
        position = this.fill(this.body, chunk, position);
        if (this.filled === this.body.length) yield this.take(this.body);
        continue;
      }
      if (!this.readLength(chunk[position++]!)) continue;
      const end = position + this.length;
      if (end <= chunk.length) {
        yield this.take(chunk.subarray(position, end));
        position = end;
      } else {
        this.body = Buffer.allocUnsafe(this.length);
      }
    }
  }

  /** Returns whether `byte` was the last one of the length. */
  private readLength(byte: number): boolean {
    // No shift: it would be one of 32 bits.
    this.length += (byte & 0x7f) * 2 ** (7 * this.lengthBytes);
    this.lengthBytes += 1;
    if (byte >= 0x80) {
      if (this.lengthBytes < LENGTH_BYTES_MAX) return false;
      throw new FrameError(
        'VarintTooLong',
        `the length of a message has more than ${LENGTH_BYTES_MAX} bytes`,
      );
    }
    if (this.length > this.bodyMax) {
      throw new FrameError(
        'FrameTooLong',
        `a message has ${this.length} bytes; the limit is ${this.bodyMax}`,
      );
    }
    return true;
  }

  private fill(body: Buffer, chunk: Uint8Array, position: number): number {
    const end = Math.min(chunk.length, position + body.length - this.filled);
    body.set(chunk.subarray(position, end), this.filled);
    this.filled += end - position;
    return end;
  }

  private take(body: Uint8Array): Uint8Array {
    this.length = 0;
    this.lengthBytes = 0;
    this.body = null;
    this.filled = 0;
    return body;
  }
}
