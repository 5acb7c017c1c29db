/** Refers to `value` without keeping it, where the runtime has WeakRef (Node from 14.6 on); elsewhere it keeps it. */
export function weakly<T extends object>(value: T): () => T | undefined {
  return typeof WeakRef === 'undefined' ? strongly(value) : dereferencing(new WeakRef(value));
}

/** Functions of their own: closures of one function share all that any of them uses. */
function strongly<T>(value: T): () => T {
  return () => value;
}

function dereferencing<T extends object>(reference: WeakRef<T>): () => T | undefined {
  return () => reference.deref();
}
