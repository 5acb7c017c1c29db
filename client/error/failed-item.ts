import { displayBytes, quoteBytes } from '../bytes';
import { capabilityName } from '../command/capability';
import { showCall } from '../command/show-step';
import type { SpawnRequest } from '../command/spawn-request';
import { unshare } from '../messages';
import { namespaceName } from '../protocol/namespace-number';
import type { SpawnMessage } from '../protocol/spawn-message';
import { signalName } from '../signals';
import type { AskedCommand } from './asked-command';
import { descriptorName, shownDescriptor } from './descriptor-name';

import v1 = unshare.v1;

/** How much of each string argument of a step is in the message, in bytes: more than any path may have. */
const STEP_STRING_MAX = 4096;

/** What a failed step was about. */
export interface FailedItem {
  /** As the error has it. */
  text: string;
  /** As the message has it. */
  shown: string;
  path: string | null;
}

/** Describes each kind of item, given the index and the command that failed. */
const ITEMS: Record<
  v1.Item,
  (index: number, command: SpawnMessage, request: SpawnRequest) => FailedItem | null
> = {
  [v1.Item.ITEM_NONE]: () => null,
  [v1.Item.ITEM_PROGRAM]: (_index, command) => pathItem(command.program),
  [v1.Item.ITEM_START_DIR]: startItem,
  [v1.Item.ITEM_CURRENT_DIR]: (_index, command) => pathItem(command.currentDir),
  [v1.Item.ITEM_NAMESPACE]: index => wordItem(shownNamespace(index)),
  [v1.Item.ITEM_UID_MAP]: () => wordItem('uid_map'),
  [v1.Item.ITEM_GID_MAP]: () => wordItem('gid_map'),
  [v1.Item.ITEM_SETGROUPS]: () => wordItem('setgroups'),
  [v1.Item.ITEM_UID]: () => wordItem('uid'),
  [v1.Item.ITEM_GID]: () => wordItem('gid'),
  [v1.Item.ITEM_GROUPS]: () => wordItem('groups'),
  [v1.Item.ITEM_DESCRIPTOR]: index => wordItem(descriptorName(index), shownDescriptor(index)),
  [v1.Item.ITEM_MOUNT_PROPAGATION]: () => wordItem('mount propagation'),
  [v1.Item.ITEM_NEW_ROOT]: (_index, command) => newRootItem(command),
  [v1.Item.ITEM_PUT_OLD]: (_index, command) => pathItem(command.pivotRoot?.putOld, 'old root at '),
  [v1.Item.ITEM_CHROOT_DIR]: (_index, command) => pathItem(command.chrootDir, 'chroot to '),
  [v1.Item.ITEM_JOIN]: joinItem,
  [v1.Item.ITEM_NEWUIDMAP]: (_index, command) => pathItem(command.idMapCommands?.newuidmap),
  [v1.Item.ITEM_NEWGIDMAP]: (_index, command) => pathItem(command.idMapCommands?.newgidmap),
  [v1.Item.ITEM_BOUNDING]: index => wordItem('bounding', `bounding set${shownCapability(index)}`),
  [v1.Item.ITEM_AMBIENT]: index => wordItem('ambient', `ambient set${shownCapability(index)}`),
  // Most often it is about all of them, without an index.
  [v1.Item.ITEM_CAPABILITIES]: index =>
    wordItem('capabilities', `capabilities${index === 0 ? '' : shownCapability(index)}`),
  [v1.Item.ITEM_STEP]: stepItem,
  [v1.Item.ITEM_SIGNALS]: index => wordItem(index === 0 ? 'signals' : signalName(index)),
  [v1.Item.ITEM_UMASK]: () => wordItem('umask'),
  [v1.Item.ITEM_SESSION]: () => wordItem('session'),
  [v1.Item.ITEM_FILE]: fileItem,
};

/** What `failure` is about, or null where it is about nothing in particular. */
export function failedItem(failure: v1.SpawnFailed, { message, request }: AskedCommand): FailedItem | null {
  // Not undefined for a number that this client does not know either: the message is then as good without.
  const describe = ITEMS[failure.item] as (typeof ITEMS)[v1.Item] | undefined;
  return describe?.(failure.index, message, request) ?? null;
}

function wordItem(text: string, shown = text): FailedItem {
  return { text, shown, path: null };
}

function pathItem(bytes: Uint8Array | null | undefined, words = ''): FailedItem | null {
  if (!bytes) return null;
  const text = displayBytes(bytes);
  return { text, shown: `${words}${quoteBytes(bytes)}`, path: text };
}

/** With `chrootDir` alone, that is the new root. */
function newRootItem({ pivotRoot, chrootDir }: SpawnMessage): FailedItem | null {
  return pathItem(pivotRoot?.newRoot ?? chrootDir, 'new root ');
}

/** The client's own directory may have no path. */
function startItem(_index: number, { startDir, clientDir }: SpawnMessage): FailedItem {
  const path = startDir ?? clientDir?.path;
  return path?.length ? pathItem(path)! : wordItem('working directory', "the client's working directory");
}

function joinItem(index: number, command: SpawnMessage): FailedItem {
  const text = shownNamespace(index);
  const { path, pid } = command.joins.find(({ namespace }) => namespace === index) ?? {};
  if (path) return { text, shown: `the ${text} namespace ${quoteBytes(path)}`, path: displayBytes(path) };
  return wordItem(text, `the ${text} namespace${pid ? ` of process ${pid}` : ''}`);
}

function fileItem(index: number, { descriptors }: SpawnMessage): FailedItem {
  const path = descriptors.find(({ number }) => number === index)?.file?.path;
  const item = wordItem(descriptorName(index), shownDescriptor(index));
  return path ? { ...item, shown: `${quoteBytes(path)} as ${item.shown}`, path: displayBytes(path) } : item;
}

/** The message has its number only. */
function stepItem(index: number, _command: SpawnMessage, { preExec }: SpawnRequest): FailedItem {
  const step = preExec[index];
  if (step === undefined) return wordItem(`step ${index}`, `step ${index} of preExec`);
  const call = showCall(step, STEP_STRING_MAX);
  return wordItem(`step ${index} (${step.name})`, `step ${index} of preExec, ${call}`);
}

function shownNamespace(index: number): string {
  return namespaceName(index) ?? `${index}`;
}

function shownCapability(index: number): string {
  return ` (${capabilityName(index) ?? index})`;
}
