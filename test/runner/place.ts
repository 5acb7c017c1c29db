import { spawnSync } from 'child_process';
import { chmodSync, chownSync, copyFileSync, mkdirSync } from 'fs';
import * as path from 'path';
import { copyPackage } from './copy';

/** Where, and as whom, test files run. */
export interface Place {
  /** As in the report, behind the names. */
  label: 'as root' | 'as user';
  /** Directory of the package. */
  root: string;
  /** What runs test files, and JavaScript that they start: it takes the command line of Node. */
  runtime: string;
  env: NodeJS.ProcessEnv;
  /** Absent: as the runner itself. */
  user?: { uid: number; gid: number };
}

/** Nobody's: most machines have neither a name nor subordinate ids for it. */
const ordinary = { uid: 61234, gid: 61234 };

/** The checkout itself, as whoever started the runner. */
export function ownPlace(root: string, runtime = process.execPath): Place {
  return {
    label: process.geteuid?.() === 0 ? 'as root' : 'as user',
    root,
    runtime,
    env: process.env,
  };
}

/**
 * A copy of the package for an ordinary user, who may not be able to enter the checkout, with a home and a
 * temporary directory. All of it is inside `scratch`.
 */
export function ordinaryPlace(root: string, scratch: string, runtime = process.execPath): Place {
  const copy = path.join(scratch, 'package');
  copyPackage(root, copy);
  return {
    label: 'as user',
    root: copy,
    runtime: reachable(runtime, scratch),
    env: { ...process.env, HOME: ownDirectory(scratch, 'home'), TMPDIR: ownDirectory(scratch, 'tmp') },
    user: ordinary,
  };
}

function ownDirectory(scratch: string, name: string): string {
  const directory = path.join(scratch, name);
  mkdirSync(directory);
  chownSync(directory, ordinary.uid, ordinary.gid);
  return directory;
}

/** The runtime, or a copy of it where it is out of the user's reach: below root's home, for instance. */
function reachable(runtime: string, scratch: string): string {
  const trial = spawnSync(runtime, ['-e', ''], { cwd: scratch, stdio: 'ignore', ...ordinary });
  if (trial.status === 0) return runtime;
  const copy = path.join(scratch, path.basename(runtime));
  copyFileSync(runtime, copy);
  chmodSync(copy, 0o755);
  return copy;
}
