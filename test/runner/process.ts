import { spawn } from 'child_process';
import { closeSync, openSync, readFileSync } from 'fs';

export interface RunOptions {
  cwd: string;
  env: NodeJS.ProcessEnv;
  /** The user to run as, without supplementary groups; absent: as this process. */
  user?: { uid: number; gid: number } | undefined;
  timeoutMs: number;
  /** Where to keep what the process writes. A file: pipes lose the last words of a process that is killed. */
  outputFile: string;
}

export interface Ending {
  /** Absent where the process exited with status 0. */
  failure?: string;
  output: string;
  durationMs: number;
}

/** Runs a program to its end. At the timeout it is killed; what it started itself is left alone. */
export function run(program: string, args: string[], options: RunOptions): Promise<Ending> {
  const start = Date.now();
  const output = openSync(options.outputFile, 'w');
  const child = spawn(program, args, {
    cwd: options.cwd,
    env: options.env,
    stdio: ['ignore', output, output],
    ...options.user,
  });
  closeSync(output);

  return new Promise(resolve => {
    let timedOut = false;
    const kill = () => child.kill('SIGKILL');
    const timer = setTimeout(() => {
      timedOut = true;
      kill();
    }, options.timeoutMs);
    // Before what else happens at the exit: the scratch directory is removed then.
    process.prependOnceListener('exit', kill);

    function end(failure: string | undefined): void {
      clearTimeout(timer);
      process.removeListener('exit', kill);
      const output = readFileSync(options.outputFile, 'utf8');
      resolve({ ...(failure && { failure }), output, durationMs: Date.now() - start });
    }

    child.once('error', error => end(`could not be started: ${error.message}`));
    child.once('exit', (code, signal) => {
      if (timedOut) end(`was killed after ${options.timeoutMs / 1000} s`);
      else if (signal) end(`was ended by ${signal}`);
      else end(code === 0 ? undefined : `exited with status ${code}`);
    });
  });
}
