/** Refers to `value` without keeping it, where the runtime has WeakRef (Node from 14.6 on); elsewhere it keeps it. */
export function weakly<T extends object>(value: T): () => T | undefined {
  if (typeof WeakRef === 'undefined') return () => value;
  const reference = new WeakRef(value);
  return () => reference.deref();
}
