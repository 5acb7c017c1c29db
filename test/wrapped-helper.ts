import { spawn } from 'child_process';
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Helper } from 'unshare';
import { makeScratch } from './scratch';
import { packageRoot, until } from './support';

/** The helper's program. */
export const helperBinary = path.join(packageRoot, 'dist/helper', process.arch, 'unshare-helper');

const strace = '/usr/bin/strace';

/** Why tests that need strace are skipped. */
export const withoutStrace = !existsSync(strace) && 'strace is not installed';

let scratch: string | null = null;

/** The path of a shell script that becomes the helper, with `exec "$helper"` at its end. */
export function helperScript(script: string, interpreter = '/bin/sh'): string {
  scratch ??= makeScratch();
  const wrapper = path.join(mkdtempSync(path.join(scratch, 'wrapped-')), 'helper');
  writeFileSync(wrapper, `#!${interpreter}\nhelper='${helperBinary}'\n${script}\n`, { mode: 0o755 });
  return wrapper;
}

/** A helper that such a script becomes. */
export function wrappedHelper(script: string, interpreter?: string): Helper {
  return new Helper({ path: helperScript(script, interpreter) });
}

/** A helper below strace, which has these options and writes to `log`; it follows processes that are made by it. */
export function tracedHelper(options: string[], log = '/dev/null', follows = true): Helper {
  // With -D, strace is not the parent: the helper keeps its pid.
  const own = follows ? '-D -f' : '-D';
  return wrappedHelper(`exec ${strace} ${own} -o ${log} ${options.join(' ')} "$helper" "$@"`);
}

/** Has a process, and what it makes from now on, traced by strace with these options. Resolves when it is; returns the end of it. */
export async function attachStrace(
  pid: number,
  options: string[],
  log: string,
): Promise<{ end: Promise<unknown> }> {
  const tracer = spawn(strace, ['-f', '-q', '-o', log, ...options, '-p', `${pid}`], { stdio: 'ignore' });
  const end = new Promise(resolve => tracer.once('exit', resolve));
  const isTraced = () => !/^TracerPid:\t0$/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'));
  await until('strace is attached', isTraced);
  return { end };
}

/** A helper in which, and in whose children, every such system call fails. */
export function helperWithout(call: string, error: string): Helper {
  return tracedHelper(['-e', `trace=${call}`, '-e', `inject=${call}:error=${error}`]);
}
