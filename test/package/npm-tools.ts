import { execFileSync } from 'child_process';
import { existsSync, mkdirSync, writeFileSync } from 'fs';
import * as path from 'path';

/**
 * Installs packages of the npm registry into `directory`, each as `name@npm:package@version`, where they are not there; scripts of
 * theirs are not run. Returns the directory that has them, by name.
 */
export function installTools(directory: string, wanted: readonly string[]): string {
  const modules = path.join(directory, 'node_modules');
  const missing = wanted.filter(
    tool => !existsSync(path.join(modules, tool.slice(0, tool.indexOf('@npm:')))),
  );
  if (missing.length === 0) return modules;
  mkdirSync(directory, { recursive: true });
  // So that npm does not take the project around it for the one to install into.
  const manifest = path.join(directory, 'package.json');
  if (!existsSync(manifest)) writeFileSync(manifest, '{ "private": true }\n');
  execFileSync(
    'npm',
    ['install', '--no-audit', '--no-fund', '--ignore-scripts', '--save-exact', ...missing],
    {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'inherit'],
    },
  );
  return modules;
}
