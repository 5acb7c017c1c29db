import { extractFile, statFile } from '@electron/asar';

import Module = require('module');

import * as path from 'path';

import fs = require('fs');

/*
 * Gives a Node what Electron gives its own, as far as finding and loading code goes: an archive is a directory to
 * the functions of `fs` that take a path, unless `process.noAsar` is set, and modules are loaded out of it. As in
 * Electron, the kernel knows nothing of that.
 *
 * Electron patches the loader's native functions as well, which cannot be done from outside; hence the resolution below.
 */

type Any = (...args: unknown[]) => unknown;

const electron = process as NodeJS.Process & { noAsar?: boolean; type?: string };
const patched = fs as unknown as Record<string, Any>;
const { accessSync, statSync, realpathSync } = fs;

/** What a path leads to in an archive: `entry` is empty for the archive itself. */
interface Inside {
  archive: string;
  entry: string;
}

function inside(value: unknown): Inside | null {
  if (electron.noAsar || typeof value !== 'string') return null;
  const components = path.resolve(value).split(path.sep);
  for (const [index, component] of components.entries()) {
    const archive = components.slice(0, index + 1).join(path.sep);
    if (!component.endsWith('.asar') || !statSync(archive).isFile()) continue;
    return { archive, entry: components.slice(index + 1).join(path.sep) };
  }
  return null;
}

/** What the header of an archive has of a file or a directory. */
interface Entry {
  files?: object;
  unpacked?: boolean;
}

function entryAt({ archive, entry }: Inside, syscall: string): Entry {
  try {
    return entry === '' ? { files: {} } : (statFile(archive, entry) as Entry);
  } catch {
    const file = path.join(archive, entry);
    const text = `ENOENT: no such file or directory, ${syscall} '${file}'`;
    throw Object.assign(new Error(text), { code: 'ENOENT', errno: -2, syscall, path: file });
  }
}

/** Lets `answer` answer for what is in an archive. */
function patch(name: string, answer: (place: Inside, options: unknown) => unknown): void {
  const before = patched[name]!;
  const after: Any = (file, ...rest) => {
    const place = inside(file);
    return place === null ? before(file, ...rest) : answer(place, rest[0]);
  };
  patched[name] = Object.assign(after, before);
}

function statusOf(place: Inside): unknown {
  const isDirectory = entryAt(place, 'stat').files !== undefined;
  return { isFile: () => !isDirectory, isDirectory: () => isDirectory, isSymbolicLink: () => false };
}

patch('statSync', statusOf);
patch('lstatSync', statusOf);
patch('existsSync', place => {
  try {
    return Boolean(entryAt(place, 'access'));
  } catch {
    return false;
  }
});
patch('realpathSync', ({ archive, entry }) => path.join(realpathSync(archive), entry));
patch('accessSync', (place, mode) => {
  const { unpacked } = entryAt(place, 'access');
  // What is packed can be read: Electron says so of programs too.
  if (unpacked) accessSync(path.join(`${place.archive}.unpacked`, place.entry), mode as number);
});
patch('readFileSync', (place, options) => {
  entryAt(place, 'open');
  const bytes = extractFile(place.archive, place.entry);
  const encoding =
    typeof options === 'object' && options !== null ? Reflect.get(options, 'encoding') : options;
  return encoding ? bytes.toString(encoding as BufferEncoding) : bytes;
});

const isFile = (file: string) => fs.existsSync(file) && fs.statSync(file).isFile();

function findFile(base: string): string | null {
  const candidates = [base, `${base}.js`, `${base}.json`];
  const manifest = path.join(base, 'package.json');
  if (isFile(manifest)) {
    const { main = 'index.js' } = JSON.parse(fs.readFileSync(manifest, 'utf8'));
    candidates.push(path.join(base, main), `${path.join(base, main)}.js`);
  }
  return [...candidates, path.join(base, 'index.js')].find(isFile) ?? null;
}

const loader = Module as unknown as { _findPath: Any };
const findPath = loader._findPath;

loader._findPath = (request, paths, ...rest) => {
  const name = request as string;
  const bases = path.isAbsolute(name)
    ? [name]
    : ((paths ?? []) as string[]).map(base => path.resolve(base, name));
  for (const base of bases) {
    const file = inside(base) === null ? findPath(base, null, ...rest) : findFile(base);
    if (file) return file;
  }
  return findPath(request, paths, ...rest);
};

/** Makes this process look like one of an application that was packaged: what runs it is no Node. */
export function disguise(type: string): void {
  Object.defineProperty(process.versions, 'electron', { value: '40.0.0' });
  electron.type = type;
  process.execPath = '/opt/application/application';
}
