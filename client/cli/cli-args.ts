import { ID_MAX } from '../command/ids';
import { checkNamespace, type Namespace } from '../command/namespace';
import { quote } from '../escape';

/** What `unshare run` was asked to do. */
export interface RunArguments {
  namespaces: Namespace[];
  mapRoot: boolean;
  uid: number | null;
  gid: number | null;
  directory: string | null;
  clearEnvironment: boolean;
  environment: [key: string, value: string][];
  program: string;
  programArguments: string[];
}

/** What the command line asks for. */
export type Invocation =
  | { action: 'help' }
  | { action: 'version' }
  | { action: 'run'; run: RunArguments }
  | { action: 'doctor'; json: boolean };

/** The command line cannot be understood. */
export class UsageError extends Error {}

export const HELP = `Usage: unshare-js run [OPTIONS] [--] PROGRAM [ARGUMENTS]
       unshare-js doctor [--json]

unshare is a second name of this command. Where the package is not installed, "npx unshare" runs unshare(1) of util-linux, which
takes other options.

unshare run runs a program in new namespaces. The exit status is that of the program, or 128+n where signal n ended it; it
is 127 where there is no such program, and 126 where it could not be started for another reason.

Options:
  --unshare LIST  new namespaces, separated by commas: user, pid, mount, net, uts, ipc, cgroup, time
  --map-root      map the own user and group to root, in a new user namespace
  --uid N         user id of the program
  --gid N         group id of the program
  --chdir DIR     working directory of the program
  --env KEY=VALUE set an environment variable
  --clear-env     start from an empty environment
  --help          show this text
  --version       show the version

PROGRAM is looked up in the PATH that it gets, unless it contains a slash.

unshare doctor tries out what this machine allows, and prints a line for each thing: how it is (ok, limited,
missing, unknown), what was found, and what to do about it. The exit status is 0 where commands can be started,
and 1 otherwise.

Options:
  --json          print one JSON document: an array with an object for each line
`;

/** How an option is taken; `apply` gets an empty value where it takes none. */
interface Option {
  takesValue: boolean;
  apply(run: RunArguments, value: string): unknown;
}

const OPTIONS: ReadonlyMap<string, Option> = new Map<string, Option>([
  ['--unshare', valued((run, value) => run.namespaces.push(...value.split(',').map(toNamespace)))],
  ['--map-root', flag(run => (run.mapRoot = true))],
  ['--uid', valued((run, value) => (run.uid = toId(value, '--uid')))],
  ['--gid', valued((run, value) => (run.gid = toId(value, '--gid')))],
  ['--chdir', valued((run, value) => (run.directory = value))],
  ['--env', valued((run, value) => run.environment.push(toVariable(value)))],
  ['--clear-env', flag(run => (run.clearEnvironment = true))],
]);

function valued(apply: Option['apply']): Option {
  return { takesValue: true, apply };
}

function flag(apply: (run: RunArguments) => unknown): Option {
  return { takesValue: false, apply };
}

/**
 * Understands the command line; `words` are those after the name of the command. Options end at `--` or at
 * the first word that is none, and nothing after that is looked at. Throws a `UsageError`.
 */
export function parseArguments(words: readonly string[]): Invocation {
  const [first, ...rest] = words;
  if (first === '--help') return { action: 'help' };
  if (first === '--version') return { action: 'version' };
  if (first === 'run') return parseRun(rest);
  if (first === 'doctor') return parseDoctor(rest);
  throw new UsageError(first === undefined ? 'what to do is missing' : `unknown: ${first}`);
}

function parseRun(words: readonly string[]): Invocation {
  const run: RunArguments = {
    namespaces: [],
    mapRoot: false,
    uid: null,
    gid: null,
    directory: null,
    clearEnvironment: false,
    environment: [],
    program: '',
    programArguments: [],
  };
  let position = 0;
  while (position < words.length) {
    const word = words[position]!;
    if (!word.startsWith('-')) break;
    position += 1;
    if (word === '--') break;
    if (word === '--help') return { action: 'help' };
    if (word === '--version') return { action: 'version' };
    position += parseOption(run, word, words[position]);
  }
  const program = words[position];
  if (!program) throw new UsageError('PROGRAM is missing');
  run.program = program;
  run.programArguments = words.slice(position + 1);
  return { action: 'run', run };
}

function parseDoctor(words: readonly string[]): Invocation {
  let json = false;
  for (const word of words) {
    if (word === '--help') return { action: 'help' };
    if (word === '--version') return { action: 'version' };
    if (word !== '--json') throw new UsageError(`unknown: ${word}`);
    json = true;
  }
  return { action: 'doctor', json };
}

/** Returns how many words were taken beside `word`. */
function parseOption(run: RunArguments, word: string, next: string | undefined): number {
  const equals = word.indexOf('=');
  const name = equals === -1 ? word : word.slice(0, equals);
  const option = OPTIONS.get(name);
  if (option === undefined) throw new UsageError(`unknown option ${name}`);
  if (!option.takesValue) {
    if (equals !== -1) throw new UsageError(`${name} takes no value`);
    option.apply(run, '');
    return 0;
  }
  if (equals !== -1) {
    option.apply(run, word.slice(equals + 1));
    return 0;
  }
  if (next === undefined) throw new UsageError(`${name} needs a value`);
  option.apply(run, next);
  return 1;
}

function toNamespace(name: string): Namespace {
  try {
    return checkNamespace(name);
  } catch (error) {
    throw new UsageError(`--unshare: ${(error as Error).message}`);
  }
}

function toId(value: string, name: string): number {
  const id = Number(value);
  if (!/^[0-9]+$/.test(value) || id > ID_MAX) {
    throw new UsageError(`${name} must be an integer from 0 to ${ID_MAX}, not ${quote(value)}`);
  }
  return id;
}

function toVariable(value: string): [key: string, value: string] {
  const equals = value.indexOf('=');
  if (equals < 1) throw new UsageError(`--env must be KEY=VALUE, not ${quote(value)}`);
  return [value.slice(0, equals), value.slice(equals + 1)];
}
