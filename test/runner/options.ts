export interface Options {
  /** Which files to run. */
  only: RegExp;
  as: 'root' | 'user' | 'both';
}

export const usage = `Usage: npm test -- [--only PATTERN] [--as root|user|both]

  --only PATTERN  run the test files whose name matches the regular expression
  --as WHO        root only: run the tests as root, as an ordinary user, or as both (default)`;

/** Throws an error whose message is for the user. */
export function readOptions(args: string[]): Options {
  const root = process.geteuid?.() === 0;
  const options: Options = { only: /^/, as: root ? 'both' : 'user' };
  for (let i = 0; i < args.length; i += 2) {
    const value = args[i + 1];
    if (args[i] === '--only' && value !== undefined) {
      options.only = new RegExp(value);
    } else if (args[i] === '--as' && (value === 'root' || value === 'user' || value === 'both')) {
      options.as = value;
    } else {
      throw new Error(usage);
    }
  }
  if (options.as !== 'user' && !root) throw new Error('Only root can run the tests as root.');
  return options;
}
