import { VERSION } from './version';

/**
 * Where a class of this package has its name. Test runners load a module several times, and each time it has classes of its own:
 * `instanceof` would refuse what another copy has made. The registry of `Symbol.for` is one for the whole thread.
 */
const KIND = Symbol.for(`unshare ${VERSION}: kind`);

/** Lets `isKind` know the instances of `type` by this name. */
export function setKind(type: { readonly prototype: object }, name: string): void {
  Object.defineProperty(type.prototype, KIND, { value: name });
}

/** Whether `value` is an instance of the class of this name, of this copy of the package or another one of the same version. */
export function isKind(value: unknown, name: string): boolean {
  return (value as { [KIND]?: unknown } | null | undefined)?.[KIND] === name;
}
