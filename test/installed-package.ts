import { execFileSync } from 'child_process';
import { copyFileSync, mkdirSync } from 'fs';
import * as path from 'path';
import { dependenciesOf } from './runner/copy';
import { packageRoot } from './support';

/** What npm installs of the package, besides package.json. */
const parts = ['dist/client', 'dist/helper'];

/**
 * Installs the package and what it depends on into `directory`/node_modules, as npm does, and returns the path of the
 * package there.
 */
export function installPackage(directory: string): string {
  const modules = path.join(directory, 'node_modules');
  const installed = path.join(modules, 'unshare');
  mkdirSync(path.join(installed, 'dist'), { recursive: true });
  copyFileSync(path.join(packageRoot, 'package.json'), path.join(installed, 'package.json'));
  for (const part of parts) copyTree(path.join(packageRoot, part), path.join(installed, part));
  for (const name of dependenciesOf(packageRoot, ['protobufjs'])) {
    const target = path.join(modules, name);
    mkdirSync(path.dirname(target), { recursive: true });
    copyTree(path.join(packageRoot, 'node_modules', name), target);
  }
  return installed;
}

/** Path of the helper in a package that is installed at `installed`. */
export function helperIn(installed: string): string {
  return path.join(installed, 'dist/helper', process.arch, 'unshare-helper');
}

function copyTree(source: string, target: string): void {
  // Not all versions of Node can copy a directory tree.
  execFileSync('cp', ['-R', '-p', '--', source, target]);
}
