import { type Command, type Helper, UnshareError } from 'unshare';
import type { State } from '../support';

const settleMs = 10_000;

/** How a command ended that prints its state, or what failed. */
export interface Outcome {
  /** `runs`, the stage of the failure, or something that is none. */
  stage: string;
  /** The error in words, with its code and call; of what has run, the state that it was given. */
  detail: string;
}

export async function outcomeOf(command: Command, helper: Helper, isSync = false): Promise<Outcome> {
  try {
    if (isSync) {
      const { status, stdout } = command.outputSync({ helper, timeout: settleMs });
      return ended(status.success, `${status}`, stdout.toString());
    }
    const child = await command.spawn({ helper });
    for (const pipe of [child.stdin, child.takePipeWriter(7), child.takePipeReader(3)]) pipe?.destroy();
    const text = await child.stdout!.text();
    const status = await child.wait();
    return ended(status.success, `${status}`, text);
  } catch (error) {
    return failed(error);
  }
}

function ended(success: boolean, status: string, text: string): Outcome {
  return success ? { stage: 'runs', detail: comparable(text) } : { stage: status, detail: status };
}

export function failed(error: unknown): Outcome {
  if (!(error instanceof UnshareError)) throw error;
  const { stage, code, syscall, message } = error;
  return { stage, detail: [stage, code, syscall, message].join(' ') };
}

/** What a program was given, without what is another for each. */
function comparable(text: string): string {
  if (text === '') return '';
  const state: State = JSON.parse(text);
  const { pid, parent, group, session, environment, descriptors, ...same } = state;
  return JSON.stringify({
    ...same,
    environment: environment.map(entry => entry.replace(/\d+/, 'N')),
    // Where the client cannot open the helper's pipes, they are sockets, which are open both ways.
    descriptors: descriptors.map(({ number }) => number),
    leads: group === pid,
    hasParent: parent > 0,
    hasSession: session > 0,
  });
}

export async function settled<T>(what: string, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not settled after ${settleMs / 1000} s`)), settleMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer!);
  }
}
