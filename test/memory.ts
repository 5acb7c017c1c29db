import { closeSync, openSync, readFileSync, readSync } from 'fs';

/** Whether the memory that a process can write to has `text` in it. */
export function memoryHas(pid: number, text: string): boolean {
  const memory = openSync(`/proc/${pid}/mem`, 'r');
  try {
    return readFileSync(`/proc/${pid}/maps`, 'utf8')
      .split('\n')
      .filter(line => / rw/.test(line))
      .some(line => {
        const [start, end] = line.split(/[ -]/, 2).map(address => Number.parseInt(address, 16));
        const bytes = Buffer.alloc(end! - start!);
        try {
          const size = readSync(memory, bytes, 0, bytes.length, start!);
          return bytes.slice(0, size).includes(text);
        } catch {
          // The process has unmapped it meanwhile.
          return false;
        }
      });
  } finally {
    closeSync(memory);
  }
}
