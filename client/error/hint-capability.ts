import { unshare } from '../messages';
import { Errno } from './errno';

import v1 = unshare.v1;

/** Why the capabilities could not be set (`man 7 capabilities`). */
export function capabilityHint(errno: number, item: v1.Item): string | null {
  if (errno !== Errno.EPERM) return null;
  switch (item) {
    case v1.Item.ITEM_BOUNDING:
      return `what keepCaps() does not name is dropped from the bounding set, which needs CAP_SETPCAP`;
    case v1.Item.ITEM_CAPABILITIES:
      return 'keepCaps() keeps what the command has, and gives it nothing more';
    case v1.Item.ITEM_AMBIENT:
      return 'the securebits of the helper may forbid it (SECBIT_NO_CAP_AMBIENT_RAISE)';
    default:
      return null;
  }
}
