import type { WorkingDirectory } from '../helper/working-directory';
import type { unshare } from '../messages';
import { toLong } from './long';

/** The client's directory as the messages have it. */
export function toClientDir({ identity, path }: WorkingDirectory): unshare.v1.ClientDir.$Properties {
  const { device, inode } = identity ?? { device: 0, inode: 0 };
  return { device: toUint64(device), inode: toUint64(inode), path: path ?? new Uint8Array() };
}

function toUint64(value: number | bigint) {
  return typeof value === 'number' ? value : toLong(BigInt.asUintN(64, value));
}
