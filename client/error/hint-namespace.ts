import { readFileSync } from 'fs';
import type { Namespace } from '../command/namespace';
import { Errno } from './errno';

/** Reads a setting, whose name is its path in /proc/sys; null where there is none. */
export type SettingReader = (name: string) => string | null;

/** Why `man 2 clone` may have failed with `errno` for a process with these new namespaces. */
export function namespaceHint(
  errno: number,
  names: readonly Namespace[],
  read: SettingReader = readSetting,
): string | null {
  if (names.length === 0) return null;
  if (errno === Errno.ENOSPC) return limitHint(names, read);
  if (errno !== Errno.EPERM) return null;
  return names.includes('user') ? userNamespaceHint(read) : privilegeHint(names);
}

/** What in the system's settings keeps unprivileged users from using user namespaces, or null. */
export function userNamespaceSwitch(read: SettingReader = readSetting): string | null {
  if (read('kernel/unprivileged_userns_clone') === '0') {
    return 'unprivileged user namespaces are switched off: kernel.unprivileged_userns_clone is 0';
  }
  if (read('kernel/apparmor_restrict_unprivileged_userns') === '1') {
    return 'AppArmor restricts unprivileged user namespaces: kernel.apparmor_restrict_unprivileged_userns is 1';
  }
  return null;
}

function limitHint(names: readonly Namespace[], read: SettingReader): string {
  const settings = names.map(limitSetting);
  const zero = settings.find(setting => read(setting) === '0');
  if (zero !== undefined) return `such namespaces are switched off: ${zero.replace('/', '.')} is 0`;
  const reached = settings.map(setting => setting.replace('/', '.')).join(' or ');
  return `the limit ${reached} is reached, or namespaces are nested more than 32 deep`;
}

/** The setting that limits the number of namespaces of this kind (`man 7 namespaces`). */
export function limitSetting(name: Namespace): string {
  return `user/max_${name === 'mount' ? 'mnt' : name}_namespaces`;
}

function userNamespaceHint(read: SettingReader): string {
  return (
    userNamespaceSwitch(read) ??
    'a container may forbid it, by its seccomp filter for instance; so does a chroot, and an unmapped id'
  );
}

function privilegeHint(names: readonly Namespace[]): string {
  const kinds = names.length === 1 ? `a new ${names[0]} namespace needs` : 'new namespaces need';
  return `${kinds} CAP_SYS_ADMIN; unshare('user') with setIdMaps() gives it to the command without privilege`;
}

/** A setting in /proc/sys, or null where there is none. */
function readSetting(name: string): string | null {
  try {
    return readFileSync(`/proc/sys/${name}`, 'latin1').trim();
  } catch {
    return null;
  }
}
