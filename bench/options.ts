export interface Options {
  /** Fewer rounds. */
  quick: boolean;
  /** Fail where a target is missed by more than a busy machine explains. */
  check: boolean;
  /** Print the figures as JSON. */
  json: boolean;
  /** Write the figures into the documentation. */
  writeDocs: boolean;
  /** Run those sections only whose name this matches. */
  only: RegExp;
}

const usage = `Usage: npm run bench -- [--quick] [--check] [--json] [--write-docs] [--only PATTERN]

  --quick         fewer rounds, for a first impression
  --check         quick as well, and only what has a target; end with status 1 where one is missed by far, three times in a
                  row
  --json          print JSON instead of text
  --write-docs    put the figures of a whole run into docs/performance.md and the README, and the plot beside them
  --only PATTERN  run the sections only whose name the regular expression matches`;

/** Throws an error whose message is for the user. */
export function readOptions(args: string[]): Options {
  const options: Options = { quick: false, check: false, json: false, writeDocs: false, only: /^/ };
  const rest = [...args];
  while (rest.length > 0) {
    const arg = rest.shift();
    if (arg === '--quick') options.quick = true;
    else if (arg === '--check') options.check = true;
    else if (arg === '--json') options.json = true;
    else if (arg === '--write-docs') options.writeDocs = true;
    else if (arg === '--only' && rest.length > 0) options.only = new RegExp(rest.shift()!);
    else throw new Error(usage);
  }
  options.quick ||= options.check;
  const isWhole = options.only.test('') && !options.check;
  if (options.writeDocs && !isWhole) throw new Error(usage);
  return options;
}
