/** Most programs write little; room for more is made once it was needed, in bytes. */
const SIZE_MIN = 16 * 1024;
/** Beyond this, a larger read saves nothing that can be measured. */
const SIZE_MAX = 128 * 1024;
const PAGE_SIZE = 4096;

/**
 * What a pipe is read into. What was read is handed on without a copy, unless it would keep much unused
 * memory alive.
 */
export class ReadBuffer {
  private buffer = Buffer.allocUnsafeSlow(SIZE_MIN);
  private size = SIZE_MIN;

  /** Where to read to next. */
  get space(): Buffer {
    return this.buffer;
  }

  /** Returns the first `length` bytes of `space`, which nothing is read into any more. */
  take(length: number): Buffer {
    if (length < this.buffer.length / 4) return Buffer.from(this.buffer.subarray(0, length));
    if (length === this.buffer.length) this.size = Math.min(2 * this.size, SIZE_MAX);
    const taken = this.buffer.subarray(0, length);
    this.buffer = Buffer.allocUnsafeSlow(this.size);
    this.touch();
    return taken;
  }

  /**
   * Makes the kernel give the memory now. In `read` it would do so with the pipe locked, while the program
   * waits to write.
   */
  private touch(): void {
    for (let at = 0; at < this.size; at += PAGE_SIZE) this.buffer[at] = 0;
  }
}
