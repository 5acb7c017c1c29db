import { readFileSync } from 'fs';
import { type Command, Helper, Command as Program, UnshareError } from 'unshare';
import { childrenOf, fixture, HELPER_AT_REST, openInHelper, rootMaps, until } from '../support';
import { settled } from './outcome';

/*
 * SIGKILL to processes of commands before they have become the program, at random moments of many spawns: the joiner, the
 * runner of the map commands and what it runs, and the command's own process. Every spawn settles: it runs, or the error
 * says what has killed it. Nothing survives, and the helper goes on.
 */

const atOnce = 8;
/** No start of a process takes longer. */
const spinUsMax = 1500;

/** The command lines of the helper's own processes, before execve and of what writes maps. */
const NAMES = /^(unshare-helper|newuidmap|newgidmap)$/;

export interface Kills {
  /** What the spawns have come to: the stages, and `runs` and `killed` of those that ran. */
  outcomes: Map<string, number>;
  /** How many processes were killed, by their names. */
  killed: Map<string, number>;
  problems: string[];
}

/** Until `count` processes were killed. `target` is a process in namespaces of its own. */
export async function killProcesses(count: number, target: number | null): Promise<Kills> {
  const helper = new Helper();
  const kills: Kills = { outcomes: new Map(), killed: new Map(), problems: [] };
  await new Program(fixture('exit')).status({ helper });
  const pid = helper.pid!;
  const prepare = kindsOf(target);
  let done = 0;
  for (let round = 0; done < count; round += 1) {
    const chosen = Array.from({ length: atOnce }, (_, index) => prepare[(round + index) % prepare.length]!);
    const outcomes = chosen.map(make => outcomeOf(make(), helper));
    spin(Math.random() * spinUsMax);
    const name = killOne(pid);
    if (name !== null) {
      done += 1;
      add(kills.killed, name);
    }
    for (const outcome of await settled('every spawn', Promise.all(outcomes))) {
      add(kills.outcomes, outcome);
      if (!isFitting(outcome)) kills.problems.push(`${outcome}; ${name} was killed`);
    }
  }
  if (helper.pid !== pid) kills.problems.push('the helper has died');
  await until('no process is left', () => childrenOf(pid).length === 0);
  await until('no descriptor is left', () => openInHelper(pid).length === HELPER_AT_REST.length);
  const last = await outcomeOf(new Program(fixture('exit')), helper);
  if (last !== 'runs') kills.problems.push(`the next command: ${last}`);
  await helper.close();
  return kills;
}

const FITTING = new Set(['runs', 'killed', 'UnknownError SIGKILL', 'AuxCommandKilled SIGKILL']);

/** A map command may be the first to see that the process is gone. */
function isFitting(outcome: string): boolean {
  return (
    FITTING.has(outcome) ||
    /^AuxCommandExited .*: Could not open proc directory for target \d+"$/.test(outcome)
  );
}

function kindsOf(target: number | null): (() => Command)[] {
  const plain = () => new Program(fixture('exit')).stdin('null');
  const mapped = () =>
    plain()
      .unshare('user', 'pid', 'uts')
      .setIdMaps(...rootMaps());
  const kinds = [plain, mapped, () => mapped().unshare('time')];
  if (target !== null) {
    const joining = () => plain().setNamespace({ pid: target }, 'user').setNamespace({ pid: target }, 'pid');
    kinds.push(
      joining,
      () =>
        joining()
          .unshare('user')
          .setIdMaps(
            [{ insideUid: 0, outsideUid: 0, count: 1 }],
            [{ insideGid: 0, outsideGid: 0, count: 1 }],
          ),
      () => mapped().setIdMapCommands('/usr/bin/newuidmap', '/usr/bin/newgidmap'),
      () => mapped().unshare('time').setIdMapCommands('/usr/bin/newuidmap', '/usr/bin/newgidmap'),
    );
  }
  return kinds;
}

async function outcomeOf(command: Command, helper: Helper): Promise<string> {
  try {
    const child = await command.spawn({ helper });
    const status = await child.wait();
    if (status.success) return 'runs';
    return status.signal === 'SIGKILL' ? 'killed' : `${status}`;
  } catch (error) {
    if (!(error instanceof UnshareError)) throw error;
    const signal = error.signal ?? error.exitStatus?.signal;
    return `${error.stage} ${signal ?? error.message}`;
  }
}

function spin(us: number): void {
  const end = process.hrtime.bigint() + BigInt(Math.round(us * 1000));
  while (process.hrtime.bigint() < end);
}

/** Kills one of the helper's processes that has not become the program yet. Returns its name; null: there was none. */
function killOne(helper: number): string | null {
  const own = childrenList(helper);
  const all = [...own, ...own.flatMap(childrenList)];
  const found = all.map(pid => ({ pid, name: nameOf(pid) })).filter(({ name }) => NAMES.test(name));
  const victim = found[Math.floor(Math.random() * found.length)];
  if (victim === undefined) return null;
  try {
    process.kill(victim.pid, 'SIGKILL');
    return victim.name;
  } catch {
    // Ended since.
    return null;
  }
}

/** By the kernel's own list, which is faster than to look at every process. */
function childrenList(pid: number): number[] {
  try {
    const list = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8');
    return list
      .split(' ')
      .filter(text => text !== '')
      .map(Number);
  } catch {
    return [];
  }
}

function nameOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/comm`, 'utf8').trim();
  } catch {
    return '';
  }
}

function add(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
