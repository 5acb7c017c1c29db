/*
 * Which test files have to run on every runtime.
 *
 * The rule: a file runs on every runtime, unless the helper, the kernel or a document decides each of its tests. A runtime can make a
 * difference to everything that the client does through it: processes, sockets, pipes, files, signals, timers, garbage collection,
 * synchronous calls, worker threads, and JavaScript itself. It makes none to a test that sends a plain command and looks at the
 * process that the helper created.
 *
 * A new file therefore runs everywhere. To exempt it, add it here with the reason. test/one-runtime.test.ts checks that no file here
 * asks which runtime it is on.
 */

/** The test files that the daily matrix does not repeat on each runtime, and why. */
export const ONE_RUNTIME: Readonly<Record<string, string>> = {
  capabilities: 'the kernel has the capability sets, and the helper changes them',
  'fault-injection': 'strace makes system calls of the helper fail',
  fuzz: 'random messages for the helper and the codec; `npm run fuzz` does more of it',
  'id-map-commands': 'the helper runs newuidmap and newgidmap',
  joining: 'the helper joins the namespaces',
  'little-memory': 'the helper runs out of memory',
  namespaces: 'the kernel makes the namespaces',
  'pre-exec': 'the child runs the steps',
  roots: 'the child changes its root directory',
  security: 'the document, the list of all tests, and the mounts of a new root',
  'system-calls': 'strace lists the system calls of the helper and its children',
  tracing: 'the kernel decides who may trace the child',
};

/** Whether a runtime can make a difference to the test file of this name, such as `pipes.test.js`. */
export function differsByRuntime(file: string): boolean {
  return !(file.replace(/\.test\.[jt]s$/, '') in ONE_RUNTIME);
}
