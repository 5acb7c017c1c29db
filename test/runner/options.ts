export interface Options {
  /** Which files to run. */
  only: RegExp;
  /** Leave out the files whose result no runtime can change; see test/one-runtime.ts. */
  perRuntime: boolean;
  as: 'root' | 'user' | 'both';
  /** Name of the runtime that runs them; null for the runner's own. */
  runtime: string | null;
}

export const usage = `Usage: npm test -- [--only PATTERN] [--files all|per-runtime] [--as root|user|both] [--runtime NAME]

  --only PATTERN  run the test files whose name matches the regular expression
  --files SET     run all test files (default), or only those that a runtime can make different: per-runtime
  --as WHO        root only: run the tests as root, as an ordinary user, or as both (default)
  --runtime NAME  run them by this runtime: node26, node12.17.0, bun, deno (default: by this Node)`;

/** Throws an error whose message is for the user. */
export function readOptions(args: string[]): Options {
  const root = process.geteuid?.() === 0;
  const options: Options = { only: /^/, perRuntime: false, as: root ? 'both' : 'user', runtime: null };
  for (let i = 0; i < args.length; i += 2) {
    const value = args[i + 1];
    if (args[i] === '--only' && value !== undefined) {
      options.only = new RegExp(value);
    } else if (args[i] === '--files' && (value === 'all' || value === 'per-runtime')) {
      options.perRuntime = value === 'per-runtime';
    } else if (args[i] === '--as' && (value === 'root' || value === 'user' || value === 'both')) {
      options.as = value;
    } else if (args[i] === '--runtime' && value !== undefined) {
      options.runtime = value;
    } else {
      throw new Error(usage);
    }
  }
  if (options.as !== 'user' && !root) throw new Error('Only root can run the tests as root.');
  return options;
}
