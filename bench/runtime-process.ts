import { type Contender, plain } from './contenders';
import { exit } from './fixtures';
import { compareStarting } from './starting';

/*
 * Run by another runtime than Node: compares this library with what the runtime has itself, and with its `child_process`.
 * Prints JSON.
 */

interface BunRuntime {
  version: string;
  spawn(options: { cmd: string[]; stdio: ['ignore', 'ignore', 'ignore'] }): { exited: Promise<number> };
}

interface DenoRuntime {
  version: { deno: string };
  Command: new (
    program: string,
    options: Record<'stdin' | 'stdout' | 'stderr', 'null'>,
  ) => { spawn(): { status: Promise<{ code: number }> } };
}

const { Bun, Deno } = globalThis as { Bun?: BunRuntime; Deno?: DenoRuntime };

/** What this runtime is called, and its own way to run the program. */
function own(): { id: string; title: string; contender: Contender } {
  if (Bun !== undefined) {
    return {
      id: 'bun',
      title: `Bun ${Bun.version}`,
      contender: {
        name: 'Bun.spawn',
        run: () => succeed(Bun.spawn({ cmd: [exit], stdio: ['ignore', 'ignore', 'ignore'] }).exited),
      },
    };
  }
  if (Deno !== undefined) {
    const options = { stdin: 'null', stdout: 'null', stderr: 'null' } as const;
    return {
      id: 'deno',
      title: `Deno ${Deno.version.deno}`,
      contender: {
        name: 'Deno.Command',
        run: () => succeed(new Deno.Command(exit, options).spawn().status.then(({ code }) => code)),
      },
    };
  }
  throw new Error('This is neither Bun nor Deno');
}

async function succeed(status: Promise<number>): Promise<void> {
  if ((await status) !== 0) throw new Error(`${exit} ended with status ${await status}`);
}

async function main(): Promise<void> {
  const { id, title, contender } = own();
  const effort = JSON.parse(process.argv[2]!);
  console.log(
    JSON.stringify(await compareStarting(id, title, [contender, ...plain], effort, contender.name)),
  );
}

main().then(
  () => process.exit(0),
  error => {
    console.error(error);
    process.exit(1);
  },
);
