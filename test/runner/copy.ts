import {
  chmodSync,
  copyFileSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
} from 'fs';
import * as path from 'path';

const built = ['dist/bench', 'dist/client', 'dist/helper', 'dist/test'];
const documents = ['README.md', 'LICENSE', 'docs', 'examples'];
const parts = [
  'package.json',
  ...documents,
  ...built,
  'proto',
  'helper',
  'test/fixtures',
  'test/fuzz/corpus',
];
const packages = ['protobufjs', 'uvu', '@electron/asar'];

/** Copies what the tests need of the package at `from` to `to`, for everybody to read. */
export function copyPackage(from: string, to: string): void {
  const modules = dependenciesOf(from, packages).map(name => `node_modules/${name}`);
  for (const part of [...parts, ...modules]) {
    const source = path.join(from, part);
    const target = path.join(to, part);
    makeDirectory(path.dirname(target));
    if (existsSync(source)) copyTree(source, target);
  }
}

/**
 * The names of the packages and of what they depend on. What is nested inside one of them comes along with
 * it.
 */
export function dependenciesOf(root: string, names: string[]): string[] {
  const modules = path.join(root, 'node_modules');
  const found = new Set(names);
  const directories = new Set(names.map(name => path.join(modules, name)));
  for (const directory of directories) {
    const { dependencies = {} } = JSON.parse(readFileSync(path.join(directory, 'package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) {
      const installed = placeOf(name, directory, root);
      if (installed !== null) directories.add(installed);
      if (installed === path.join(modules, name)) found.add(name);
    }
  }
  return [...found];
}

/** Where a package that is in `directory` finds the one called `name`, as Node looks for it; null where it is not installed. */
function placeOf(name: string, directory: string, root: string): string | null {
  const place = path.join(directory, 'node_modules', name);
  if (existsSync(place)) return place;
  return directory === root ? null : placeOf(name, path.dirname(directory), root);
}

function copyTree(source: string, target: string): void {
  const status = lstatSync(source);
  if (status.isDirectory()) {
    makeDirectory(target);
    for (const name of readdirSync(source)) copyTree(path.join(source, name), path.join(target, name));
  } else if (status.isSymbolicLink()) {
    symlinkSync(readlinkSync(source), target);
  } else {
    copyFileSync(source, target);
    chmodSync(target, status.mode & 0o100 ? 0o755 : 0o644);
  }
}

function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  makeDirectory(path.dirname(directory));
  mkdirSync(directory);
  // Whatever the umask is.
  chmodSync(directory, 0o755);
}
