import { statSync } from 'fs';
import { findProgram } from '../cli/find-program';
import { Capability } from '../command/capability';
import type { Command } from '../command/command';
import { GidMap, UidMap } from '../command/id-map';
import { step } from '../command/step';
import { describeFailure, errorOf, untried } from './failure';
import { type Finding, limited, missing, ok, unknown } from './finding';
import type { Host } from './host';
import { type Range, rangesOf, unusedStart } from './subordinate-ids';
import type { Attempt, Trial } from './trial';
import { seeUserNamespace } from './user-namespace';

const COMMANDS = ['newuidmap', 'newgidmap'] as const;

/** Where they are, also for users whose PATH leaves it out. */
const USUAL_PATH = '/usr/bin:/bin:/usr/local/bin';

/** Rows of both maps: the own id as 0, and the ids from `first` on as those from 1 on. */
interface Maps {
  readonly uids: Range;
  readonly gids: Range;
}

/** The paths of newuidmap and newgidmap. */
export type MapCommands = readonly [newuidmap: string, newgidmap: string];

function withMaps(command: Command, { uid, gid }: Host, { uids, gids }: Maps): Command {
  return command.setIdMaps(
    [new UidMap(0, uid, 1), new UidMap(1, uids.start, uids.count)],
    [new GidMap(0, gid, 1), new GidMap(1, gids.start, gids.count)],
  );
}

/** Tries to map one id besides the own one without any command. */
export async function tryForeignIds(trial: Trial, host: Host): Promise<Attempt> {
  const other = (own: number): Range => ({ start: own === 1 ? 2 : 1, count: 1 });
  return await trial.attempt(command =>
    withMaps(command, host, { uids: other(host.uid), gids: other(host.gid) }),
  );
}

/** Which ids the client can map by itself. */
export function idMapsFinding(foreign: Attempt, userNamespace: Finding): Finding {
  const name = 'id maps';
  if (!foreign.tried) return unknown(name, foreign.reason);
  if (foreign.error === null) return ok(name, 'of any ids that are mapped here');
  if (userNamespace.status === 'missing') {
    return missing(name, 'there is no user namespace to map ids in', seeUserNamespace);
  }
  return limited(
    name,
    'of the own ids only',
    'for others, setIdMapCommands() with newuidmap and newgidmap (the next lines), or give this process CAP_SETUID, CAP_SETGID and CAP_SETFCAP',
  );
}

/** Where newuidmap and newgidmap are, or the names of those that are nowhere. */
export function findMapCommands(): { found: MapCommands } | { missing: string[] } {
  // What is found in the working directory is nothing to be given privileges.
  const directories = `${process.env.PATH ?? ''}:${USUAL_PATH}`.split(':').filter(one => one.startsWith('/'));
  const paths = COMMANDS.map(name => findProgram(name, directories.join(':'), '/'));
  const absent = COMMANDS.filter((_, index) => typeof paths[index] !== 'string');
  return absent.length > 0 ? { missing: absent } : { found: paths as unknown as MapCommands };
}

export function noMapCommandsFinding(absent: readonly string[]): Finding {
  return missing(
    'id map commands',
    `${absent.join(' and ')} not found`,
    'install them (uidmap in Debian and Ubuntu, shadow-utils in Fedora, shadow in Arch) to map more than the own ids',
  );
}

/** Where a program has its privileges from. */
export type Privilege = 'setuid root' | 'file capabilities' | null;

/** What of them is visible; a set-uid bit of another user than root is none. */
export async function privilegeOf(trial: Trial, program: string): Promise<Privilege> {
  const { mode, uid } = statSync(program);
  if (uid === 0 && (mode & 0o4000) !== 0) return 'setuid root';
  const attempt = await trial.attempt(command =>
    command.preExec([step.syscall('getxattr', program, 'security.capability', 0, 0)]),
  );
  return attempt.tried && attempt.error === null ? 'file capabilities' : null;
}

export function mapCommandsFinding(
  commands: MapCommands,
  privileges: readonly Privilege[],
  host: Host,
): Finding {
  const name = 'id map commands';
  const found = commands.map((path, index) => `${path} (${privileges[index] ?? 'no privileges'})`).join(', ');
  if (!privileges.includes(null) || mapsByItself(host)) return ok(name, found);
  return limited(
    name,
    found,
    'as root: chmod u+s, or setcap cap_setuid+ep for newuidmap and cap_setgid+ep for newgidmap; installing the package again does so too',
  );
}

/** Whether the commands need no privileges of their own. */
function mapsByItself({ status }: Host): boolean {
  const has = (name: Capability) => status?.effective.has(name) === true;
  return has(Capability.CAP_SETUID) && has(Capability.CAP_SETGID);
}

/** The ranges of /etc/subuid and /etc/subgid for this user, tried out. */
export async function subordinateIdsFinding(
  trial: Trial,
  host: Host,
  commands: MapCommands | null,
  userNamespace: Finding,
): Promise<Finding> {
  const uids = rangesOf('subuid', host);
  const gids = rangesOf('subgid', host);
  const [uidRange] = uids;
  const [gidRange] = gids;
  if (uidRange === undefined || gidRange === undefined) return noRangesFinding(uids, gids, host);
  const found = `uids ${uids.map(show).join(', ')}; gids ${gids.map(show).join(', ')}`;
  if (commands === null) return unknown(NAME, `${found}; there are no id map commands`);
  const attempt = await trial.attempt(command =>
    withMaps(command, host, { uids: uidRange, gids: gidRange }).setIdMapCommands(...commands),
  );
  return describeRanges(found, attempt, host, userNamespace);
}

const NAME = 'subordinate ids';

export function describeRanges(found: string, attempt: Attempt, host: Host, userNamespace: Finding): Finding {
  const reason = untried(attempt);
  if (reason !== null) return unknown(NAME, `${found}; ${reason}`);
  const error = errorOf(attempt);
  if (error === null) return ok(NAME, `${found}; mapped by newuidmap and newgidmap`);
  return missing(NAME, `${found}; ${describeFailure(error)}`, rangesAdvice(host, userNamespace));
}

function rangesAdvice(host: Host, userNamespace: Finding): string {
  if (userNamespace.status === 'missing') return seeUserNamespace;
  if (host.status?.noNewPrivs === true && !mapsByItself(host)) return 'see to the line "no_new_privs"';
  return 'see to the line "id map commands", and that their file system is not mounted nosuid, and that the ids are mapped in this user namespace';
}

function noRangesFinding(uids: readonly Range[], gids: readonly Range[], host: Host): Finding {
  const files = [
    ...(uids.length === 0 ? ['/etc/subuid'] : []),
    ...(gids.length === 0 ? ['/etc/subgid'] : []),
  ];
  const { account, uid } = host;
  const owner = account ?? `uid ${uid}, which has no account,`;
  const found = `none for ${owner} in ${files.join(' and ')}`;
  if (mapsByItself(host)) return ok(NAME, `${found}; this process needs none for id maps of its own`);
  const source = subidSource(host);
  if (source !== null) {
    return missing(
      NAME,
      `${found}; /etc/nsswitch.conf names ${source} for them`,
      `ask there, with getsubids ${account ?? uid}`,
    );
  }
  if (account === null) {
    return missing(NAME, found, 'newuidmap serves users with an account only: add one (useradd)');
  }
  const start = unusedStart(host);
  const range = `${start}-${start + 65_535}`;
  return missing(NAME, found, `as root: usermod --add-subuids ${range} --add-subgids ${range} ${account}`);
}

/** Where else than in files they are looked up, or null (`man 5 subuid`). */
function subidSource({ files }: Host): string | null {
  const line = files.lines('/etc/nsswitch.conf').find(one => one.startsWith('subid:'));
  const source = line?.slice('subid:'.length).trim();
  return source === undefined || source === 'files' ? null : source;
}

function show({ start, count }: Range): string {
  return `${start} to ${start + count - 1}`;
}
