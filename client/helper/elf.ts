/** Reads up to `length` bytes of a file from `position` on. */
export type ReadAt = (position: number, length: number) => Buffer;

const MAGIC = Buffer.from('\x7fELF', 'latin1');
const CLASS_OFFSET = 4;
const CLASS_64 = 2;
const MACHINE_OFFSET = 18;
const PT_INTERP = 3;
const HEADER_SIZE_MAX = 64;
const PATH_MAX = 4096;

/** Where a number lies, in bytes. */
type Field = readonly [offset: number, size: number];

/** What is needed of the file's header and of an entry of its program header table (`man 5 elf`). */
interface Layout {
  tableOffset: Field;
  entrySize: Field;
  entryCount: Field;
  segmentOffset: Field;
  segmentSize: Field;
}

const LAYOUT_32: Layout = {
  tableOffset: [28, 4],
  entrySize: [42, 2],
  entryCount: [44, 2],
  segmentOffset: [4, 4],
  segmentSize: [16, 4],
};

/** The 64-bit fields are read to 48 bits, which is more than any file has. */
const LAYOUT_64: Layout = {
  tableOffset: [32, 6],
  entrySize: [54, 2],
  entryCount: [56, 2],
  segmentOffset: [8, 6],
  segmentSize: [32, 6],
};

/**
 * The dynamic loader that an ELF file asks for, or null where the file is no such file, or is static. Throws
 * a RangeError where it is cut off. All architectures of the helper are little-endian.
 */
export function elfInterpreter(readAt: ReadAt): Buffer | null {
  const header = readAt(0, HEADER_SIZE_MAX);
  if (!header.subarray(0, MAGIC.length).equals(MAGIC)) return null;
  const layout = header[CLASS_OFFSET] === CLASS_64 ? LAYOUT_64 : LAYOUT_32;
  const entrySize = header.readUIntLE(...layout.entrySize);
  const entryCount = header.readUIntLE(...layout.entryCount);
  const table = readAt(header.readUIntLE(...layout.tableOffset), entrySize * entryCount);
  for (let start = 0; start < table.length; start += entrySize) {
    const entry = table.subarray(start, start + entrySize);
    if (entry.readUInt32LE(0) !== PT_INTERP) continue;
    const size = Math.min(entry.readUIntLE(...layout.segmentSize), PATH_MAX);
    const path = readAt(entry.readUIntLE(...layout.segmentOffset), size);
    const end = path.indexOf(0);
    return end === -1 ? path : path.subarray(0, end);
  }
  return null;
}

/** The architecture of an ELF file, one of the `EM_` constants of `man 5 elf`, or null where it is no such file. */
export function elfMachine(file: Uint8Array): number | null {
  const header = Buffer.from(file.subarray(0, HEADER_SIZE_MAX));
  const isElf = header.length === HEADER_SIZE_MAX && header.subarray(0, MAGIC.length).equals(MAGIC);
  return isElf ? header.readUInt16LE(MACHINE_OFFSET) : null;
}
