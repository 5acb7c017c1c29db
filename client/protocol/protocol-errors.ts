import { UnshareError } from '../error/error';
import { quote } from '../escape';
import type { unshare } from '../messages';
import { PROTOCOL, VERSION } from '../version';

/** The helper at `path` speaks another protocol. */
export function versionMismatch(path: string, hello: unshare.v1.Hello.$Properties): UnshareError {
  const { version = '', protocol = 0 } = hello;
  return new UnshareError({
    stage: 'Helper',
    doing: `the helper ${quote(path)} is of version ${version} (protocol ${protocol})`,
    reason: `the client is of version ${VERSION} (protocol ${PROTOCOL})`,
    path,
  });
}

/** The helper at `path` could not read what it was sent; `name` is what it calls the reason. */
export function helperRefused(path: string, name: string): UnshareError {
  return new UnshareError({
    stage: 'Protocol',
    doing: `the helper ${quote(path)} cannot read what the client sent`,
    reason: name,
    path,
  });
}

/** The helper at `path` sent a message that must not come here. */
export function protocolViolation(path: string, what: string): UnshareError {
  return new UnshareError({
    stage: 'Protocol',
    doing: `the helper ${quote(path)} broke the protocol`,
    reason: what,
    path,
  });
}

/** The helper at `path` sent bytes that are no message. */
export function unreadableMessage(path: string, cause: Error): UnshareError {
  return new UnshareError({
    stage: 'Protocol',
    doing: `cannot read what the helper ${quote(path)} sent`,
    reason: cause.message,
    path,
    cause,
  });
}
