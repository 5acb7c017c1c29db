import { clearTimeout, setTimeout } from 'timers';
import { inspect } from 'util';
import * as uvu from 'uvu';
import { onlyListed, record } from './record';

export interface TestOptions {
  /** How long the test may take. Default: one minute. */
  timeoutMs?: number;
  /** Why the test is skipped; it runs where this is absent or `false`. */
  skip?: string | false;
}

type Body = () => unknown;

interface Hook {
  (body: Body): void;
  each(body: Body): void;
}

/** A uvu suite. Names of tests are unique within a file. */
export interface Suite {
  (name: string, body: Body, options?: TestOptions): void;
  skip(name: string, reason: string): void;
  before: Hook;
  after: Hook;
  /** Has to be called once, after the last test. */
  run(): void;
}

const defaultTimeoutMs = 60_000;

const names = new Set<string>();
const unfinished = new Set<string>();
let hookFailed = false;

/**
 * uvu's `suite`, with an account of every test.
 *
 * uvu alone drops the rest of a suite without a failure when a hook throws, and does not say which test it
 * was when an await never settles and the event loop runs dry. Here, a test is owed from its registration
 * until it has passed, failed or been skipped.
 */
export function suite(suiteName: string): Suite {
  const inner = uvu.suite(suiteName);

  function test(name: string, body: Body, options: TestOptions = {}): void {
    if (options.skip) {
      skip(name, options.skip);
      return;
    }
    const fullName = register(suiteName, name);
    unfinished.add(fullName);
    record({ event: 'owed', test: fullName });
    inner(name, async () => {
      record({ event: 'started', test: fullName });
      try {
        await within(options.timeoutMs ?? defaultTimeoutMs, body);
        record({ event: 'passed', test: fullName });
      } catch (error) {
        fail(fullName, error);
      } finally {
        unfinished.delete(fullName);
      }
    });
  }

  function skip(name: string, reason: string): void {
    record({ event: 'skipped', test: register(suiteName, name), reason });
    inner.skip();
  }

  return Object.assign(test, {
    skip,
    before: watched(suiteName, 'before', inner.before),
    after: watched(suiteName, 'after', inner.after),
    run() {
      if (onlyListed) unfinished.clear();
      else inner.run();
    },
  });
}

function register(suiteName: string, name: string): string {
  const fullName = `${suiteName}: ${name}`;
  if (names.has(fullName)) throw new Error(`Two tests of this file are called "${fullName}"`);
  names.add(fullName);
  return fullName;
}

/** A hook of uvu that records its failure, which uvu swallows. */
function watched(suiteName: string, kind: string, hook: uvu.Test['before']): Hook {
  const guard = (name: string, body: Body) => async () => {
    try {
      await within(defaultTimeoutMs, body);
    } catch (error) {
      hookFailed = true;
      console.error(error);
      fail(name, error);
    }
  };
  return Object.assign((body: Body) => hook(guard(`${suiteName}: ${kind}`, body)), {
    each: (body: Body) => hook.each(guard(`${suiteName}: ${kind}.each`, body)),
  });
}

function fail(name: string, error: unknown): never {
  record({ event: 'failed', test: name, error: inspect(error) });
  throw error;
}

async function within(timeoutMs: number, body: Body): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`did not finish within ${timeoutMs} ms`)), timeoutMs);
    // Where nothing else keeps the event loop alive, the await cannot settle any more: let the process end
    // and say so now. A referenced timer would also keep alive what a test expects to end.
    timer.unref();
  });
  try {
    await Promise.race([body(), late]);
  } finally {
    if (timer) clearTimeout(timer);
  }
}

// Node before 15 goes on after a rejection that nobody handles.
process.on('unhandledRejection', reason => {
  throw reason;
});

process.on('exit', () => {
  for (const name of unfinished) console.error(`Never finished: ${name}`);
  if (hookFailed || unfinished.size > 0) process.exitCode = 1;
});
