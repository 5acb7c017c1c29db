import {
  accessSync,
  closeSync,
  constants,
  lstatSync,
  openSync,
  readFileSync,
  readlinkSync,
  readSync,
  realpathSync,
  type Stats,
  statSync,
} from 'fs';
import { quoteBytes } from '../bytes';
import { isAbsolute, pathComponents } from '../command/path-components';
import { elfInterpreter } from '../helper/elf';

/** As much of a file as the kernel looks at to tell what it is (`BINPRM_BUF_SIZE`). */
const HEAD_SIZE = 256;

/** How deep scripts may have scripts as interpreters (`man 2 execve`). */
const DEPTH_MAX = 5;

/** The file that the kernel starts in place of another one. */
interface Interpreter {
  readonly path: Buffer;
  /** What names it. */
  readonly how: string;
  /** What is odd about the line that names it, or nothing. */
  readonly remark: string;
}

/** Why there is nothing at `path` where something should be, or null if there is something. */
export function missingHint(path: Buffer, depth = 0): string | null {
  const absent = absentHint(path);
  if (absent !== null) return depth === 0 ? absent : null;
  if (!statSync(path).isFile() || depth === DEPTH_MAX) return null;
  const next = interpreterOf(path);
  if (next === null || !isAbsolute(next.path)) return null;
  if (!exists(next.path)) {
    const why = absentHint(next.path);
    const which = `it exists, but ${next.how} ${quoteBytes(next.path)}, which does not${next.remark}`;
    return why === null ? which : `${which}; ${why}`;
  }
  const further = missingHint(next.path, depth + 1);
  return further === null ? null : `${next.how} ${quoteBytes(next.path)}: ${further}`;
}

/** Why the file at `path`, or what the kernel starts in its place, may not be executed, or null. */
export function deniedHint(path: Buffer, depth = 0): string | null {
  const directory = parentsOf(path).find(parent => !isPermitted(parent));
  if (directory !== undefined)
    return `the directory ${quoteBytes(directory)} may not be searched by this user`;
  const denied = notExecutable(path, statSync(path)) ?? noexecHint(path);
  if (denied !== null || depth === DEPTH_MAX) return denied;
  const next = interpreterOf(path);
  if (next === null || !isAbsolute(next.path)) return null;
  const further = deniedHint(next.path, depth + 1);
  return further === null ? null : `${next.how} ${quoteBytes(next.path)}: ${further}`;
}

/** Why the kernel does not know what kind of program the file is, or null. */
export function formatHint(path: Buffer): string | null {
  const head = headOf(path);
  if (head.length === 0) return 'it is empty';
  if (head[0] === 0xef && head[1] === 0xbb && head[2] === 0xbf) {
    return 'it begins with a byte order mark (BOM), behind which the kernel looks for no #! line: save it without';
  }
  if (!head.slice(0, 2).equals(Buffer.from('#!'))) return null;
  if (head.length === HEAD_SIZE && !head.includes('\n')) {
    return `its #! line is too long: the kernel reads ${HEAD_SIZE} bytes of it`;
  }
  if (scriptInterpreter(head) === null) return 'its #! line names no interpreter';
  return null;
}

/** The symbolic link on the way to `path` that leads nowhere, or null. */
function absentHint(path: Buffer): string | null {
  for (const place of [...parentsOf(path), path]) {
    if (exists(place)) continue;
    const link = linkAt(place);
    if (link !== null)
      return `${quoteBytes(place)} is a symbolic link to ${quoteBytes(link)}, which does not exist`;
    return null;
  }
  return null;
}

/** Directories that lead to `path`, the outermost first. */
function parentsOf(path: Buffer): Buffer[] {
  const names = pathComponents(path).slice(0, -1);
  return names.map((_, index) =>
    Buffer.concat(names.slice(0, index + 1).map(name => Buffer.concat([Buffer.from('/'), name]))),
  );
}

/** Whether there is something, or may be: of what cannot be looked at, nobody knows. */
function exists(path: Buffer): boolean {
  try {
    statSync(path);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ENOENT';
  }
}

function linkAt(path: Buffer): Buffer | null {
  try {
    if (!lstatSync(path).isSymbolicLink()) return null;
    return Buffer.from(readlinkSync(path, { encoding: 'buffer' }));
  } catch {
    return null;
  }
}

function isPermitted(path: Buffer): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EACCES';
  }
}

function notExecutable(path: Buffer, stats: Stats): string | null {
  if (stats.isDirectory()) return 'it is a directory';
  if (!stats.isFile()) return 'it is not a regular file';
  const mode = (stats.mode & 0o7777).toString(8).padStart(4, '0');
  if ((stats.mode & 0o111) === 0) return `nobody may execute it: its mode is ${mode}`;
  // On a mount with noexec, nobody is permitted either.
  if (noexecHint(path) !== null || isPermitted(path)) return null;
  return `this user may not execute it: its mode is ${mode}, and its owner ${stats.uid}`;
}

/** A line of mountinfo: the mount point, with octal escapes, and the mount's own options (`man 5 proc`). */
const MOUNT = /^\d+ \d+ \S+ \S+ (\S+) (\S+)/;

function noexecHint(path: Buffer): string | null {
  const real = realpathSync(path, { encoding: 'buffer' });
  const text = Buffer.from(real).toString('latin1');
  let found: { point: string; options: string[] } | null = null;
  for (const line of readFileSync('/proc/self/mountinfo', 'latin1').split('\n')) {
    const [, escaped = '', options = ''] = MOUNT.exec(line) ?? [];
    const point = escaped.replace(/\\([0-7]{3})/g, (_, digits) => String.fromCharCode(parseInt(digits, 8)));
    const isAbove = point === '/' || text === point || text.startsWith(`${point}/`);
    // Of several at one place, the last one is on top.
    if (point !== '' && isAbove && point.length >= (found?.point.length ?? 0))
      found = { point, options: options.split(',') };
  }
  if (found === null || !found.options.includes('noexec')) return null;
  return `the file system at ${quoteBytes(Buffer.from(found.point, 'latin1'))} is mounted noexec`;
}

function interpreterOf(path: Buffer): Interpreter | null {
  const descriptor = openSync(path, 'r');
  try {
    const script = scriptInterpreter(readAt(descriptor, 0, HEAD_SIZE));
    if (script !== null) {
      const how = 'its #! line names the interpreter';
      const hasReturn = script[script.length - 1] === 0x0d;
      return {
        path: script,
        how,
        remark: hasReturn ? ': the line ends with CR LF, and must end with LF' : '',
      };
    }
    const loader = elfInterpreter((position, length) => readAt(descriptor, position, length));
    return loader === null ? null : { path: loader, how: 'it needs the dynamic loader', remark: '' };
  } finally {
    closeSync(descriptor);
  }
}

function headOf(path: Buffer): Buffer {
  const descriptor = openSync(path, 'r');
  try {
    return readAt(descriptor, 0, HEAD_SIZE);
  } finally {
    closeSync(descriptor);
  }
}

/** The interpreter that a script's first line names (`man 2 execve`), or null where it is no script. */
function scriptInterpreter(head: Buffer): Buffer | null {
  const match = /^#![ \t]*([^ \t\n\0]+)/.exec(head.toString('latin1'));
  return match === null ? null : Buffer.from(match[1]!, 'latin1');
}

/** Reads up to `length` bytes from `position` on; fewer at the end of the file. */
function readAt(descriptor: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length);
  return buffer.slice(0, readSync(descriptor, buffer, 0, length, position));
}
