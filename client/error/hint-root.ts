import { unshare } from '../messages';
import { Errno } from './errno';

import v1 = unshare.v1;

/**
 * Why the root, or the propagation of the mounts, could not be changed (`man 2 pivot_root`, `man 2 chroot`).
 */
export function rootHint(errno: number, item: v1.Item): string | null {
  switch (item) {
    case v1.Item.ITEM_NEW_ROOT:
    case v1.Item.ITEM_PUT_OLD:
      return pivotHint(errno);
    case v1.Item.ITEM_CHROOT_DIR:
      return errno === Errno.EPERM ? needs('CAP_SYS_CHROOT', 'user') : null;
    case v1.Item.ITEM_MOUNT_PROPAGATION:
      return propagationHint(errno);
    default:
      return null;
  }
}

function pivotHint(errno: number): string | null {
  switch (errno) {
    case Errno.EPERM:
      return needs('CAP_SYS_ADMIN', 'user', 'mount');
    case Errno.EINVAL:
      return (
        'the new root must be a mount point, and neither its parent mount nor that of the current root may be ' +
        'shared; nor may the current root be the rootfs of an initramfs'
      );
    case Errno.EBUSY:
      return 'the new root must be a mount point, other than the current root, and putOld must be on its mount';
    default:
      return null;
  }
}

function propagationHint(errno: number): string | null {
  if (errno === Errno.EPERM) return needs('CAP_SYS_ADMIN', 'user', 'mount');
  if (errno !== Errno.EINVAL) return null;
  return "the root of the helper is no mount point, as in a chroot; mountPropagation('unchanged') leaves it alone";
}

function needs(capability: string, ...namespaces: string[]): string {
  const names = namespaces.map(name => `'${name}'`).join(', ');
  return `it needs ${capability}; unshare(${names}) with setIdMaps() gives it to the command without privilege`;
}
