import { realpathSync } from 'fs';
import { findHelper } from '../helper/helper-path';
import { appArmorFinding } from './apparmor';
import type { Finding } from './finding';
import { helperFinding, KEEPS_PROFILE, noHelperFinding } from './helper-finding';
import { type Host, readHost } from './host';
import {
  findMapCommands,
  idMapsFinding,
  mapCommandsFinding,
  noMapCommandsFinding,
  type Privilege,
  privilegeOf,
  subordinateIdsFinding,
  tryForeignIds,
} from './id-maps';
import { kernelFinding } from './kernel';
import { limitsFinding, namespaceFinding, OTHER_NAMESPACES, tryNamespace } from './namespaces';
import { pipesFinding } from './pipes';
import { plainCommandFinding } from './plain-command';
import { capabilitiesFinding, noNewPrivsFinding, seccompFinding } from './privileges';
import { mountFinding, procFinding, tryMount } from './proc';
import { callFinding, NEWER_CALLS, tryCall } from './system-calls';
import { Trial } from './trial';
import { tryUserNamespace, userNamespaceFinding } from './user-namespace';

/**
 * Finds out, one thing after the other, what the machine allows: some of it is limited in number. `root` stands for `/` where
 * settings and accounts are read; what is tried is tried on the machine.
 */
export async function examine(helperPath: string | undefined, root = '/'): Promise<Finding[]> {
  const host = readHost(root);
  const trial = new Trial(helperPath);
  try {
    return await findings(trial, host, helperPath ?? null);
  } finally {
    await trial.close();
  }
}

async function findings(trial: Trial, host: Host, helperPath: string | null): Promise<Finding[]> {
  const failure = await trial.start();
  const path = realHelper(helperPath);
  const plain = plainCommandFinding(await trial.execute(path ?? '/'), await trial.attempt(() => {}), host);
  const pipes = pipesFinding(trial);
  const user = userNamespaceFinding(await tryUserNamespace(trial, host), host);
  const keepsProfile = trial.greeting?.unsealedReason === KEEPS_PROFILE;
  return [
    kernelFinding(host),
    failure === null ? helperFinding(path, trial.greeting!) : noHelperFinding(failure),
    plain,
    pipes,
    procFinding(host),
    user,
    appArmorFinding(host, user, path, keepsProfile),
    limitsFinding(host),
    ...(await namespaceFindings(trial, host, user)),
    mountFinding(await tryMount(trial), await tryMount(trial, 'user'), host, user),
    ...(await idMapFindings(trial, host, user)),
    capabilitiesFinding(host),
    noNewPrivsFinding(host),
    seccompFinding(host),
    ...(await callFindings(trial)),
  ];
}

/** The path of the helper's program, without symbolic links where that can be told, or null where there is none. */
function realHelper(path: string | null): string | null {
  let found: string;
  try {
    found = findHelper(path);
  } catch {
    return null;
  }
  try {
    return realpathSync(found);
  } catch {
    // Bun needs /proc for that.
    return found;
  }
}

async function namespaceFindings(trial: Trial, host: Host, user: Finding): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const name of OTHER_NAMESPACES) {
    const alone = await tryNamespace(trial, name);
    const inside = await tryNamespace(trial, 'user', name);
    found.push(namespaceFinding(name, alone, inside, host, user));
  }
  return found;
}

async function idMapFindings(trial: Trial, host: Host, user: Finding): Promise<Finding[]> {
  const maps = idMapsFinding(await tryForeignIds(trial, host), user);
  const commands = findMapCommands();
  if ('missing' in commands) {
    const ranges = await subordinateIdsFinding(trial, host, null, user);
    return [maps, noMapCommandsFinding(commands.missing), ranges];
  }
  const privileges: Privilege[] = [];
  for (const program of commands.found) privileges.push(await privilegeOf(trial, program));
  return [
    maps,
    mapCommandsFinding(commands.found, privileges, host),
    await subordinateIdsFinding(trial, host, commands.found, user),
  ];
}

async function callFindings(trial: Trial): Promise<Finding[]> {
  const found: Finding[] = [];
  for (const call of NEWER_CALLS) found.push(callFinding(call, await tryCall(trial, call)));
  return found;
}
