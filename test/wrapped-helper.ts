import { existsSync, mkdtempSync, writeFileSync } from 'fs';
import * as path from 'path';
import { Helper } from 'unshare';
import { makeScratch } from './scratch';
import { packageRoot } from './support';

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

/** A helper below strace, which has these options and writes to `log`. */
export function tracedHelper(options: string[], log = '/dev/null'): Helper {
  // With -D, strace is not the parent: the helper keeps its pid.
  return wrappedHelper(`exec ${strace} -D -f -o ${log} ${options.join(' ')} "$helper"`);
}

/** A helper in which, and in whose children, every such system call fails. */
export function helperWithout(call: string, error: string): Helper {
  return tracedHelper(['-e', `trace=${call}`, '-e', `inject=${call}:error=${error}`]);
}
