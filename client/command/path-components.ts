const SLASH = '/'.charCodeAt(0);
const DOT = '.'.charCodeAt(0);

/** Whether `path` starts at the root. */
export function isAbsolute(path: Uint8Array): boolean {
  return path[0] === SLASH;
}

/** Whether `path` is more than a name. */
export function hasSlash(path: Uint8Array): boolean {
  return path.includes(SLASH);
}

/**
 * The names that a path goes through, without what leads nowhere: empty ones, of slashes side by side or at
 * the end, and `.`.
 */
export function pathComponents(path: Uint8Array): Buffer[] {
  const bytes = Buffer.from(path.buffer, path.byteOffset, path.byteLength);
  const components: Buffer[] = [];
  let start = 0;
  while (start <= bytes.length) {
    const slash = bytes.indexOf(SLASH, start);
    const end = slash === -1 ? bytes.length : slash;
    const component = bytes.subarray(start, end);
    if (component.length > 0 && !isDot(component)) components.push(component);
    start = end + 1;
  }
  return components;
}

function isDot(component: Buffer): boolean {
  return component.length === 1 && component[0] === DOT;
}

/** Whether `path` leads up somewhere, by `..`. */
export function leadsUp(path: Uint8Array): boolean {
  return pathComponents(path).some(
    ({ length, 0: first, 1: second }) => length === 2 && first === DOT && second === DOT,
  );
}

/**
 * What follows `directory` in `path`, both absolute, as an absolute path; null where `path` is not in
 * `directory`. Only names are compared: links and `..` are names like others.
 */
export function pathInside(path: Uint8Array, directory: Uint8Array): Buffer | null {
  const components = pathComponents(path);
  const prefix = pathComponents(directory);
  if (prefix.length > components.length) return null;
  if (!prefix.every((component, index) => component.equals(components[index]!))) return null;
  return joinComponents(components.slice(prefix.length));
}

function joinComponents(components: readonly Buffer[]): Buffer {
  if (components.length === 0) return Buffer.of(SLASH);
  return Buffer.concat(components.flatMap(component => [Buffer.of(SLASH), component]));
}
