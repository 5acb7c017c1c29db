import type { SpawnRequest } from '../command/spawn-request';
import type { SpawnMessage } from '../protocol/spawn-message';

/** A command as the user requested it, and the message that was sent to the helper. */
export interface AskedCommand {
  readonly request: SpawnRequest;
  readonly message: SpawnMessage;
}
