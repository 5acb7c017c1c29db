import type { Socket } from 'net';
import type { Readable } from 'stream';

/**
 * Lets `reader` have what comes in from `socket`, which `child_process` has made and reads from by itself. Returns what
 * `_read` has to call.
 */
export function readRuntimePipe(socket: Socket, reader: Readable): () => void {
  let isWanted = false;
  const pull = () => {
    if (!isWanted) return;
    const chunk = socket.read() as Buffer | null;
    if (chunk === null) return;
    isWanted = false;
    reader.push(chunk);
  };
  // Not before somebody asks. A listener of this kind is also what keeps `child_process` from throwing away, at the end
  // of the process, what was not read.
  socket.on('readable', pull);
  socket.once('end', () => reader.push(null));
  socket.on('error', error => reader.destroy(error));
  return () => {
    socket.ref();
    isWanted = true;
    pull();
  };
}
