import type { SpawnRequest } from '../command/spawn-request';
import type { unshare } from '../messages';
import type { AskedCommand } from './asked-command';
import { capabilityHint } from './hint-capability';
import { execHint } from './hint-exec';
import { forkHint } from './hint-fork';
import { idMapHint } from './hint-id-map';
import { joinHint } from './hint-join';
import { pipeHint } from './hint-pipe';
import { rootHint } from './hint-root';
import { userHint } from './hint-user';
import type { Stage } from './stage';

/**
 * The likely cause of a failure where it is common and not obvious, or null. It looks at files, and is for
 * the way of failure only. Never throws.
 */
export function hintFor(stage: Stage, failure: unshare.v1.SpawnFailed, command: AskedCommand): string | null {
  const { errno, item, index } = failure;
  try {
    switch (stage) {
      case 'CreatePipe':
        return pipeHint(errno);
      case 'Exec':
        return execHint(errno, command.request.program, hasOtherRoot(command.request));
      case 'Fork':
        return forkHint(errno, command.request);
      case 'SetIdMap':
        return idMapHint(errno, item, command);
      case 'SetUser':
        return userHint(errno, item, command.request);
      case 'SetNs':
        return joinHint(errno, index, command.message);
      case 'ChangeRoot':
        return rootHint(errno, item);
      case 'CapSet':
        return capabilityHint(errno, item);
      default:
        return null;
    }
  } catch {
    // A file that cannot be read says nothing.
    return null;
  }
}

/** Whether paths lead elsewhere for the program than for the client. */
function hasOtherRoot({ pivotRoot, chrootDir, joins }: SpawnRequest): boolean {
  return pivotRoot !== null || chrootDir !== null || joins.some(({ namespace }) => namespace === 'mount');
}
