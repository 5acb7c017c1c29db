import { displayBytes, quoteBytes } from './bytes';
import { descriptorName } from './descriptor-name';
import { unshare } from './messages';
import { namespaceName, type SpawnMessage } from './spawn-message';

import v1 = unshare.v1;

/** What a failed step was about. */
export interface FailedItem {
  /** As the error has it. */
  text: string;
  /** As the message has it. */
  shown: string;
  path: string | null;
}

/** Describes each kind of item, given the index and the command that failed. */
const ITEMS: Record<v1.Item, (index: number, command: SpawnMessage) => FailedItem | null> = {
  [v1.Item.ITEM_NONE]: () => null,
  [v1.Item.ITEM_PROGRAM]: (_index, command) => pathItem(command.program),
  [v1.Item.ITEM_START_DIR]: (_index, command) => pathItem(command.startDir),
  [v1.Item.ITEM_CURRENT_DIR]: (_index, command) => pathItem(command.currentDir),
  [v1.Item.ITEM_NAMESPACE]: index => wordItem(namespaceName(index) ?? `${index}`),
  [v1.Item.ITEM_UID_MAP]: () => wordItem('uid_map'),
  [v1.Item.ITEM_GID_MAP]: () => wordItem('gid_map'),
  [v1.Item.ITEM_SETGROUPS]: () => wordItem('setgroups'),
  [v1.Item.ITEM_UID]: () => wordItem('uid'),
  [v1.Item.ITEM_GID]: () => wordItem('gid'),
  [v1.Item.ITEM_GROUPS]: () => wordItem('groups'),
  [v1.Item.ITEM_DESCRIPTOR]: index => wordItem(descriptorName(index)),
  [v1.Item.ITEM_MOUNT_PROPAGATION]: () => wordItem('mount propagation'),
};

/** What `failure` is about, or null where it is about nothing in particular. */
export function failedItem(failure: v1.SpawnFailed, command: SpawnMessage): FailedItem | null {
  // Not undefined for a number that this client does not know either: the message is then as good without.
  const describe = ITEMS[failure.item] as (typeof ITEMS)[v1.Item] | undefined;
  return describe?.(failure.index, command) ?? null;
}

function wordItem(text: string): FailedItem {
  return { text, shown: text, path: null };
}

function pathItem(bytes: Uint8Array | null | undefined): FailedItem | null {
  if (!bytes) return null;
  const text = displayBytes(bytes);
  return { text, shown: quoteBytes(bytes), path: text };
}
