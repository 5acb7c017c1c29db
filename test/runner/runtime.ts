import { chmodSync, copyFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import { BUN, DENO, installRuntimes, nodePackage, runtimePath } from '../runtimes';

/** The npm package of the runtime of this name, and the program in it. */
function packageOf(name: string): [string, string] {
  if (name === 'bun') return [BUN, 'bin/bun'];
  if (name === 'deno') return [DENO, 'deno'];
  const version = /^node(\d+(?:\.\d+)*)$/.exec(name)?.[1];
  if (version === undefined) throw new Error(`Not a runtime: ${name}. Try node26, bun or deno.`);
  return [nodePackage(version), 'bin/node'];
}

/** Installs the runtimes of these names where they are not there yet. */
export function installRuntimesOf(names: readonly string[]): void {
  installRuntimes(Object.fromEntries(names.map(name => [name, packageOf(name)[0]])));
}

/**
 * Installs the runtime of this name where it is not there yet, and returns the path of a program that takes the command
 * line of Node: a file, or `-e` and code, and arguments. What has to be made for that is in `scratch`, for everybody to
 * execute.
 */
export function prepareRuntime(name: string, scratch: string): string {
  const [, program] = packageOf(name);
  installRuntimesOf([name]);
  const binary = runtimePath(name, program);
  return name === 'deno' ? wrapDeno(binary, scratch) : binary;
}

/** Deno runs code by a command of its own, as an ES module unless told otherwise, and puts a file's name before the arguments. */
function wrapDeno(binary: string, scratch: string): string {
  const copy = path.join(scratch, 'deno');
  copyFileSync(binary, copy);
  const wrapper = path.join(scratch, 'deno-as-node');
  writeFileSync(
    wrapper,
    `#!/bin/sh
if [ "$1" = -e ]; then
  code=$2
  shift 2
  exec '${copy}' eval --quiet --ext=cjs "process.argv.splice(1, 1); $code" "$@"
fi
exec '${copy}' run --quiet --allow-all --unstable-detect-cjs "$@"
`,
  );
  for (const file of [copy, wrapper]) chmodSync(file, 0o755);
  return wrapper;
}
