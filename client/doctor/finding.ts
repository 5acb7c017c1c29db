/**
 * `ok`: works. `limited`: works in part, or in a roundabout way. `missing`: does not work. `unknown`: could not be tried, as
 * something that it takes is missing.
 */
export type FindingStatus = 'ok' | 'limited' | 'missing' | 'unknown';

/** A file to create, as root. */
export interface FileToInstall {
  /** Where, as an absolute path. */
  readonly path: string;
  /** Its contents. */
  readonly text: string;
}

/** What `doctor` has found out about one subject. */
export interface Finding {
  /** What it is about, for instance `user namespace`: always the same, for programs to look for. */
  readonly name: string;
  /** Whether it can be had. */
  readonly status: FindingStatus;
  /** What was found, for people. */
  readonly found: string;
  /** What to do about it, for people; null where nothing has to be done. */
  readonly advice: string | null;
  /** A file that the advice is to install, or null. */
  readonly install: FileToInstall | null;
}

export function ok(name: string, found: string): Finding {
  return { name, status: 'ok', found, advice: null, install: null };
}

export function limited(name: string, found: string, advice: string): Finding {
  return { name, status: 'limited', found, advice, install: null };
}

export function missing(name: string, found: string, advice: string): Finding {
  return { name, status: 'missing', found, advice, install: null };
}

/** For what could not be tried: the line about what it takes has the advice. */
export function unknown(name: string, reason: string): Finding {
  return { name, status: 'unknown', found: `not tried: ${reason}`, advice: null, install: null };
}

/** Whether commands can be started, as far as `doctor` has found out. */
export function canStartCommands(findings: readonly Finding[]): boolean {
  const plain = findings.find(({ name }) => name === 'plain command');
  return plain !== undefined && (plain.status === 'ok' || plain.status === 'limited');
}
