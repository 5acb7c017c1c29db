/**
 * Whether a socket may be given a buffer of its own (`onread`) in this version of Node: before 12.16.3, and in versions of 13, the
 * end of file would abort the process.
 */
export function canReadIntoOwnBuffer(version: string): boolean {
  const [major, minor, patch] = version.split('.').map(Number) as [number, number, number];
  if (major === 12) return minor > 16 || (minor === 16 && patch >= 3);
  return major > 13;
}
