import type { SpawnRequest } from './spawn-request';

/** What a command says of its program's process group and session; null where it says nothing. */
export class ProcessGroup {
  private leads: boolean | null = null;
  private newSession: boolean | null = null;

  setLeader(on: boolean): void {
    this.leads = this.checked(on, 'makeGroupLeader', { leads: on, newSession: this.newSession });
  }

  setSession(on: boolean): void {
    this.newSession = this.checked(on, 'newSession', { leads: this.leads, newSession: on });
  }

  /** Throws a TypeError for what contradicts `foreground`. */
  request(foreground: boolean) {
    if (foreground && this.newSession) {
      throw new TypeError(
        'options.foreground cannot be used with newSession(): the terminal is the client’s',
      );
    }
    if (foreground && this.leads === false) {
      throw new TypeError('options.foreground cannot be used with makeGroupLeader(false)');
    }
    return { makeGroupLeader: this.leads, newSession: this.newSession, foreground };
  }

  private checked(
    on: boolean,
    name: string,
    { leads, newSession }: { leads: boolean | null; newSession: boolean | null },
  ): boolean {
    if (typeof on !== 'boolean') throw new TypeError(`${name} must be a boolean`);
    if (newSession && leads === false) {
      throw new TypeError(
        `${name}: newSession(true) and makeGroupLeader(false) contradict each other, since a new session is a new process group`,
      );
    }
    return on;
  }
}

/** The option `foreground` of a call. Throws a TypeError for what is no boolean. */
export function checkForeground(value: unknown): boolean {
  if (value !== undefined && typeof value !== 'boolean') {
    throw new TypeError('options.foreground must be a boolean');
  }
  return value ?? false;
}

/** Whether the program of this command leads a process group of its own. */
export function leadsGroup(request: SpawnRequest): boolean {
  const { makeGroupLeader, newSession, foreground, namespaces, joins, uid, gid, groups } = request;
  if (makeGroupLeader !== null || newSession) return newSession || makeGroupLeader === true;
  // As in the helper: Plan.leadsGroup.
  const kinds = [...namespaces, ...joins.map(({ namespace }) => namespace)];
  const isSeparate = kinds.some(kind => kind === 'pid' || kind === 'user');
  return foreground || isSeparate || uid !== null || gid !== null || groups !== null;
}

/** Throws a RangeError where `killGroup` is set for a command that leads no group. */
export function checkKillGroup({ killGroup }: { killGroup?: boolean }, request: SpawnRequest): void {
  if (killGroup && !leadsGroup(request)) throw notLeader();
}

/** Another group is that of the helper, and maybe of the client and half of the session. */
export function notLeader(): RangeError {
  return new RangeError('the program leads no process group: use makeGroupLeader() or newSession()');
}
