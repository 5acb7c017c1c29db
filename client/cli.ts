#!/usr/bin/env node
import { HELP, parseArguments, type RunArguments, UsageError } from './cli/cli-args';
import { findProgram } from './cli/find-program';
import { hasTerminal, Job } from './cli/job';
import { canStartCommands } from './doctor/finding';
import { printFindings } from './doctor/print';
import { Errno } from './error/errno';
import { escapeLines, escapeUnprintable, quote } from './escape';
import {
  type Child,
  type ChildEvent,
  Command,
  childEvents,
  doctor,
  type ExitStatus,
  GidMap,
  UidMap,
  UnshareError,
} from './index';
import { signalNumber } from './signals';
import { VERSION } from './version';

const EXIT_CANNOT_START = 1;
const EXIT_USAGE = 2;
/** As in shells, and env(1). */
const EXIT_CANNOT_EXECUTE = 126;
const EXIT_NOT_FOUND = 127;
const EXIT_SIGNAL_BASE = 128;

async function main(words: readonly string[]): Promise<number> {
  try {
    const invocation = parseArguments(words);
    switch (invocation.action) {
      case 'help':
        process.stdout.write(HELP);
        return 0;
      case 'version':
        process.stdout.write(`${VERSION}\n`);
        return 0;
      case 'run':
        return exitCode(await run(invocation.run));
      case 'doctor':
        return await examine(invocation.json);
    }
  } catch (error) {
    if (error instanceof UsageError) {
      complain(`${escapeUnprintable(error.message)}\nTry "unshare-js --help".`);
      return EXIT_USAGE;
    }
    if (error instanceof UnshareError) {
      complain(error.message);
      const notFound = error.stage === 'Exec' && error.errno === Errno.ENOENT;
      return notFound ? EXIT_NOT_FOUND : EXIT_CANNOT_EXECUTE;
    }
    throw error;
  }
}

/** Prints what `doctor` finds. */
async function examine(json: boolean): Promise<number> {
  const findings = await doctor();
  process.stdout.write(
    json ? `${escapeLines(JSON.stringify(findings, null, 2))}\n` : printFindings(findings),
  );
  return canStartCommands(findings) ? 0 : EXIT_CANNOT_START;
}

async function run(options: RunArguments): Promise<ExitStatus> {
  const command = toCommand(options);
  const foreground = hasTerminal();
  // First of all: the program may run, and be signalled, before this process has come to know of it.
  leaveSignalsTo(() => starting, foreground || isSeparate(options));
  const events = foreground ? childEvents() : null;
  const starting = command.spawn({ foreground });
  const child = await starting;
  const job = events === null ? null : follow(child, events);
  try {
    return await child.wait();
  } finally {
    job?.close();
  }
}

/** Does the terminal's job control for the program. */
function follow(child: Child, events: AsyncIterable<ChildEvent>): Job {
  const job = new Job(child);
  void (async () => {
    for await (const event of events) {
      if (event.child !== child) continue;
      if (event.type === 'death') break;
      if (event.type === 'stop') job.stopped(event.signal);
    }
  })();
  return job;
}

/** Whether the program gets its own process group without being asked (`Command.makeGroupLeader`). */
function isSeparate({ namespaces, mapRoot, uid, gid }: RunArguments): boolean {
  return mapRoot || uid !== null || gid !== null || namespaces.includes('pid') || namespaces.includes('user');
}

function toCommand(options: RunArguments): Command {
  const command = new Command(locate(options)).arg0(options.program).args(options.programArguments);
  if (options.clearEnvironment) command.envClear();
  command.envs(options.environment).unshare(options.namespaces);
  if (options.mapRoot) {
    command.setIdMaps([new UidMap(0, process.geteuid!(), 1)], [new GidMap(0, process.getegid!(), 1)]);
  }
  if (options.uid !== null) command.uid(options.uid);
  if (options.gid !== null) command.gid(options.gid);
  if (options.directory !== null) command.currentDir(options.directory);
  return command;
}

/** The program's path, looked up with the environment and the working directory that it gets. */
function locate(options: RunArguments): string {
  const inherited = options.clearEnvironment ? {} : process.env;
  const { PATH } = { ...inherited, ...Object.fromEntries(options.environment) };
  const found = findProgram(options.program, PATH, options.directory ?? '.');
  if (typeof found === 'string') return found;
  throw new UnshareError({
    stage: 'Exec',
    errno: found,
    item: options.program,
    doing: `cannot find ${quote(options.program)} in PATH`,
  });
}

/**
 * The program decides what signals mean. A terminal sends its own to the program too if that is in this process's group;
 * otherwise, they are passed on like those that others send to this process.
 */
function leaveSignalsTo(program: () => Promise<Child>, hasOwnGroup: boolean): void {
  for (const signal of ['SIGINT', 'SIGQUIT', 'SIGTERM', 'SIGHUP'] as const) {
    if (!hasOwnGroup && (signal === 'SIGINT' || signal === 'SIGQUIT')) {
      process.on(signal, () => {});
      continue;
    }
    // It may have ended meanwhile, or not have been started.
    process.on(signal, () =>
      program()
        .then(child => child.signal(signal))
        .catch(() => {}),
    );
  }
}

function exitCode(status: ExitStatus): number {
  return status.signal === null ? status.code! : EXIT_SIGNAL_BASE + signalNumber(status.signal);
}

function complain(message: string): void {
  process.stderr.write(`unshare: ${message}\n`);
}

main(process.argv.slice(2)).then(code => {
  process.exitCode = code;
});
