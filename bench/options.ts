export interface Options {
  /** Fewer rounds. */
  quick: boolean;
  /** Fail where a target is missed by more than a busy machine explains. */
  check: boolean;
  /** Print the figures as JSON. */
  json: boolean;
}

const usage = `Usage: npm run bench -- [--quick] [--check] [--json]

  --quick  fewer rounds, for a first impression
  --check  quick as well; end with status 1 where a target is missed threefold, three times in a row
  --json   print JSON instead of text`;

/** Throws an error whose message is for the user. */
export function readOptions(args: string[]): Options {
  const unknown = args.find(arg => !['--quick', '--check', '--json'].includes(arg));
  if (unknown !== undefined) throw new Error(usage);
  const check = args.includes('--check');
  return { check, quick: check || args.includes('--quick'), json: args.includes('--json') };
}
