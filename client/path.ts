import { types } from 'util';
import { type Bytes, toBytes } from './bytes';
import { quote } from './escape';

/** A `URL` with the scheme `file:`, of any realm. */
export interface FileUrl {
  /** The whole URL. */
  readonly href: string;
  /** `file:`, with its colon. */
  readonly protocol: string;
  /** Empty, or `localhost`. */
  readonly hostname: string;
  /** The path, percent-encoded. */
  readonly pathname: string;
}

/** The path of a file: bytes, or a `file:` URL, as Node's `fs` takes it. */
export type Path = Bytes | FileUrl;

/**
 * Returns a copy of the path as bytes. Throws a TypeError that names the argument, `name`, for what is none, for a NUL inside,
 * and for a URL that names no file here: of another scheme, with a host, or with an encoded `/`.
 */
export function toPath(value: unknown, name: string): Buffer {
  if (typeof value === 'string' || types.isUint8Array(value)) return toBytes(value, name);
  if (!isUrl(value)) throw new TypeError(`${name} must be a string, a Uint8Array or a file: URL`);
  if (value.protocol !== 'file:') {
    throw new TypeError(`${name} must be a URL with the scheme file:, not ${quote(value.protocol)}`);
  }
  if (value.hostname !== '') {
    throw new TypeError(`${name} must be a URL without a host, not ${quote(value.hostname)}`);
  }
  if (/%2f/i.test(value.pathname)) throw new TypeError(`${name} must not contain an encoded /`);
  return toBytes(decode(value.pathname), name);
}

/** As Node tells a URL from what the old `url.parse` returns. */
function isUrl(value: unknown): value is FileUrl {
  const url = value as (Partial<FileUrl> & { auth?: unknown; path?: unknown }) | null | undefined;
  return (
    typeof url === 'object' &&
    url !== null &&
    typeof url.href === 'string' &&
    typeof url.protocol === 'string' &&
    typeof url.hostname === 'string' &&
    typeof url.pathname === 'string' &&
    url.auth === undefined &&
    url.path === undefined
  );
}

/** Byte by byte: a path need not be UTF-8. */
function decode(pathname: string): Buffer {
  const bytes = Buffer.from(pathname, 'utf8').toString('latin1');
  const decoded = bytes.replace(/%([0-9a-f]{2})/gi, (_, digits: string) =>
    String.fromCharCode(Number.parseInt(digits, 16)),
  );
  return Buffer.from(decoded, 'latin1');
}
