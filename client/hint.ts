import { execHint } from './hint-exec';
import { idMapHint } from './hint-id-map';
import { namespaceHint } from './hint-namespace';
import type { unshare } from './messages';
import type { SpawnMessage } from './spawn-message';
import type { Stage } from './stage';

/**
 * The likely cause of a failure where it is common and not obvious, or null. It looks at files, and is for
 * the way of failure only. Never throws.
 */
export function hintFor(stage: Stage, failure: unshare.v1.SpawnFailed, command: SpawnMessage): string | null {
  try {
    switch (stage) {
      case 'Exec':
        return execHint(failure.errno, command.program);
      case 'Fork':
        return namespaceHint(failure.errno, command.namespaces);
      case 'SetIdMap':
        return idMapHint(failure.errno, failure.item, command);
      default:
        return null;
    }
  } catch {
    // A file that cannot be read says nothing.
    return null;
  }
}
