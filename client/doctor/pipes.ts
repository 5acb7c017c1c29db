import { arePipesReachable } from '../pipe/open-pipes';
import { type Finding, limited, ok, unknown } from './finding';
import type { Trial } from './trial';

/** How the client comes by its ends of pipes. */
export function pipesFinding(trial: Trial): Finding {
  const { greeting, pid } = trial;
  if (greeting === null) return unknown('pipes', 'there is no helper that works');
  return describePipes(arePipesReachable(pid, greeting));
}

export function describePipes(reachable: boolean): Finding {
  if (reachable) return ok('pipes', 'opened through /proc/<helper>/fd: programs have real pipes');
  return limited(
    'pipes',
    '/proc/<helper>/fd cannot be used: each command with pipes has a helper of its own, and sockets in place of pipes',
    "mount the /proc of this pid namespace, and let this user read the helper's file (mode 0755)",
  );
}
