/** What waits in a `Writable` that leaves strings alone: a Buffer, or a string and its encoding. */
export interface WaitingChunk {
  chunk: Buffer | string;
  encoding: BufferEncoding;
}

/** What is gathered into one block, in bytes; also how large a chunk is that is not copied. */
const BLOCK_SIZE = 64 * 1024;

/**
 * Yields the bytes of `chunks`, in order, in blocks: chunks that follow each other are joined until there are `BLOCK_SIZE`
 * bytes or more. Strings are joined before they are encoded, which is much faster than one by one.
 */
export function* gather(chunks: readonly WaitingChunk[]): Generator<Buffer, void> {
  let buffers: Buffer[] = [];
  let text = '';
  let size = 0;
  const closeText = () => {
    if (text !== '') buffers.push(Buffer.from(text, 'utf8'));
    text = '';
  };
  const take = () => {
    closeText();
    const block = buffers.length === 1 ? buffers[0]! : Buffer.concat(buffers);
    buffers = [];
    size = 0;
    return block;
  };
  for (const { chunk, encoding } of chunks) {
    if (typeof chunk === 'string' && isUtf8(encoding)) {
      text += chunk;
      // The half of a character stays one, as it would in a write of its own.
      if (endsInHalf(chunk)) closeText();
    } else {
      closeText();
      const bytes = typeof chunk === 'string' ? Buffer.from(chunk, encoding) : chunk;
      if (bytes.length >= BLOCK_SIZE && buffers.length > 0) yield take();
      buffers.push(bytes);
    }
    size += chunk.length;
    if (size >= BLOCK_SIZE) yield take();
  }
  if (text !== '' || buffers.length > 0) yield take();
}

function endsInHalf(text: string): boolean {
  const last = text.charCodeAt(text.length - 1);
  return last >= 0xd800 && last <= 0xdbff;
}

function isUtf8(encoding: string): boolean {
  return encoding === 'utf8' || encoding === 'utf-8';
}
