/** Version of this package. */
export const VERSION = '0.1.0';

/**
 * The protocol that this client speaks, `Hello.protocol` in proto/unshare.proto. A helper that names another
 * number is refused.
 */
export const PROTOCOL = 1;
