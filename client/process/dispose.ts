/**
 * Makes instances of `type` disposable by `await using`, where the runtime knows it (`Symbol.asyncDispose`;
 * Node from 18.18 on).
 */
export function disposeWith<T extends object>(
  type: { readonly prototype: T },
  dispose: (instance: T) => Promise<void>,
): void {
  if (typeof Symbol.asyncDispose !== 'symbol') return;
  Object.defineProperty(type.prototype, Symbol.asyncDispose, {
    value(this: T): Promise<void> {
      return dispose(this);
    },
    configurable: true,
    writable: true,
  });
}
