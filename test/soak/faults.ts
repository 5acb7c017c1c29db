import { mkdtempSync, readdirSync, readFileSync, unlinkSync } from 'fs';
import * as path from 'path';
import { Command, Helper } from 'unshare';
import { makeScratch } from '../scratch';
import { childrenOf, exists, HELPER_AT_REST, openInHelper, until } from '../support';
import { attachStrace, tracedHelper } from '../wrapped-helper';
import { CallLog } from './calls';
import type { Subject } from './commands';
import { FALLIBLE, HELPER_INFALLIBLE, INFALLIBLE } from './errors';
import { type Outcome, outcomeOf, settled } from './outcome';

/*
 * Makes each system call, on the way of each of a few commands, fail at each of its positions, by each error that it can
 * have, or be the last one of its process. Each time: the promise settles, with a success that is whole or with an error
 * of a fitting stage; nothing is left behind; and the next command works.
 */

/** Whose call it is: the helper's before it serves anybody; the helper's; or that of a process on its way to its program. */
export type Place = 'start' | 'helper' | 'process';

export interface Fault {
  place: Place;
  call: string;
  /** An error, or KILL. */
  error: string;
  /** Which of the calls of a process. */
  position: number;
}

export interface Result extends Fault {
  subject: string;
  /** Null where no process has come to that position. */
  stage: string | null;
  problem: string | null;
}

const KILL = 'KILL';

const scratch = mkdtempSync(path.join(makeScratch(), 'faults-'));
let logs = 0;

function newLog(): string {
  logs += 1;
  return path.join(scratch, `log-${logs}`);
}

interface Plan {
  subject: Subject;
  /** What it is given, undisturbed. */
  state: string;
  /** How often whom makes which call: the helper from the command on, and the most that a process of it does. */
  helper: Map<string, [from: number, to: number]>;
  process: Map<string, number>;
  /** How many positions the processes have, each for itself. */
  positions: number;
}

/** Looks at what happens undisturbed. */
async function planOf(subject: Subject, kills: boolean): Promise<Plan> {
  const atStart = await traced(helper => outcomeOf(new Command('/nowhere'), helper));
  const served = await traced(helper => outcomeOf(subject.prepare(), helper, subject.isSync));
  if (served.value.stage !== 'runs') throw new Error(`${subject.name}, undisturbed: ${served.value.detail}`);
  const startCounts = startOf(atStart.log);
  const helper = new Map<string, [number, number]>();
  for (const [call, count] of served.log.countsOf(served.log.pids[0]!)) {
    helper.set(call, [(startCounts.get(call) ?? 0) + 1, count]);
  }
  const process = new Map<string, number>();
  let positions = 0;
  for (const pid of served.log.pids.slice(1)) {
    for (const [call, count] of served.log.countsOf(pid)) {
      process.set(call, Math.max(process.get(call) ?? 0, count));
      if (kills || call in FALLIBLE) positions += count;
    }
  }
  return { subject, state: served.value.detail, helper, process, positions };
}

/** The helper's calls before it waits for the first time. */
function startOf(log: CallLog): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { pid, name, position } of log.calls) {
    if (pid !== log.pids[0]) continue;
    if (name === 'epoll_pwait' || name === 'recvfrom') break;
    counts.set(name, position);
  }
  return counts;
}

async function traced<T>(use: (helper: Helper) => Promise<T>) {
  const file = newLog();
  const helper = tracedHelper([], file);
  let value: T;
  try {
    value = await use(helper);
  } finally {
    await settled('the end of the helper', helper.close());
  }
  const log = new CallLog(file);
  unlinkSync(file);
  return { value, log };
}

/** Every fault of a plan. */
function* faultsOf(plan: Plan, kills: boolean): Iterable<Fault> {
  const each = function* (place: Place, call: string, from: number, to: number): Iterable<Fault> {
    if (call in INFALLIBLE && !kills) return;
    if (place !== 'process' && call in HELPER_INFALLIBLE && !kills) return;
    const errors = kills ? [KILL] : FALLIBLE[call]?.errors;
    if (errors === undefined) throw new Error(`${call}: nobody has said how it can fail`);
    for (let position = from; position <= to; position += 1) {
      for (const error of errors) yield { place, call, error, position };
    }
  };
  for (const [call, [from, to]] of plan.helper) yield* each('helper', call, from, to);
  for (const [call, count] of plan.process) yield* each('process', call, 1, count);
}

/** The helper's start is the same whatever the command. */
async function* startFaults(kills: boolean): AsyncIterable<Fault> {
  const { log } = await traced(helper => outcomeOf(new Command('/nowhere'), helper));
  for (const [call, count] of startOf(log)) {
    if ((call in INFALLIBLE || call in HELPER_INFALLIBLE) && !kills) continue;
    // What has executed it is strace.
    if (call === 'execve') continue;
    const errors = kills ? [KILL] : FALLIBLE[call]?.errors;
    if (errors === undefined) throw new Error(`${call}: nobody has said how it can fail`);
    for (let position = 1; position <= count; position += 1) {
      for (const error of errors) yield { place: 'start', call, error, position };
    }
  }
}

/** Suffers one fault; returns what came of it, and which processes were hit, by the order of their making. */
async function suffer(plan: Plan, fault: Fault): Promise<{ result: Result; hits: number[] }> {
  const { subject } = plan;
  const { place, call, error, position } = fault;
  const what = error === KILL ? 'signal=KILL' : `error=${error}`;
  const options = ['-e', `inject=${call}:${what}:when=${position}`];
  const result: Result = { ...fault, subject: subject.name, stage: null, problem: null };
  const file = newLog();
  const before = world();
  // What has a helper of its own cannot be attached to.
  const attached = place === 'process' && !subject.isAlone;
  const tracing = [
    '-e',
    place === 'process' ? `trace=${call},clone,clone3,vfork,execve` : `trace=${call}`,
    ...options,
  ];
  const helper = attached ? new Helper() : tracedHelper(tracing, file, place === 'process');
  let tracer: { end: Promise<unknown> } | null = null;
  let helperPid: number | null = null;
  const hits: number[] = [];
  try {
    if (attached) {
      await new Command('/bin/true').status({ helper });
      helperPid = helper.pid!;
      tracer = await attachStrace(helperPid, tracing, file);
    }
    const readLog = () => new CallLog(file, helperPid);
    // Where the helper's own call was hit as well, the command comes again: the helper is past that position now.
    for (let attempt = 0; attempt < 4 && hits.length === 0; attempt += 1) {
      const made = attempt === 0 ? 1 : readLog().pids.length;
      const outcome = await settled('the command', outcomeOf(subject.prepare(), helper, subject.isSync));
      // A helper that was killed has taken the processes along.
      const isHelperGone = helperPid !== null && !exists(helperPid);
      const hit = !isHelperGone && hitIn(readLog(), fault, made, hits);
      if (place !== 'process' || hit) judge(result, outcome, plan);
      if (place !== 'process') break;
    }
    const next = await settled('the next command', outcomeOf(nextCommand(plan), helper, subject.isSync));
    if (next.stage !== 'runs' && !mayBeHitAgain(plan, fault)) {
      result.problem ??= `the next command: ${next.detail}`;
    }
    const { pid } = helper;
    if (pid !== null && exists(pid) && !mayEnd(call, error)) await nothingIsLeft(pid);
  } catch (problem) {
    result.problem ??= (problem as Error).message;
  } finally {
    await settled('the end of the helper', helper.close());
    if (tracer !== null) await settled('the end of strace', tracer.end);
  }
  unlinkSync(file);
  await until('nothing is left', () => newIn(before) === '').catch(() => {
    result.problem ??= `left behind: ${newIn(before)}`;
  });
  return { result, hits };
}

/** One that is alone is of another helper, which is hit like the first. */
function nextCommand({ subject }: Plan): Command {
  return subject.isAlone ? new Command('/bin/true').stdout('piped') : subject.prepare();
}

/** Whether the next command may fail as well: by a helper that is new, or by processes that come to the position, too. */
function mayBeHitAgain({ subject }: Plan, { place, call, error }: Fault): boolean {
  return place !== 'helper' || subject.isAlone === true || mayEnd(call, error);
}

/** Whether a process that was made after the first `before` was hit; into `hits`, which of them in the order of their making. */
function hitIn(
  log: CallLog,
  { place, call, error, position }: Fault,
  before: number,
  hits: number[],
): boolean {
  if (place !== 'process') return true;
  for (const pid of log.hit(call, position, error === KILL)) {
    const order = log.pids.indexOf(pid) - before;
    if (order >= 0) hits.push(order);
  }
  return hits.length > 0;
}

function judge(result: Result, { stage, detail }: Outcome, { state, subject }: Plan): void {
  const { place, call, error } = result;
  result.stage = stage;
  if (stage === 'runs') {
    if (detail !== state) result.problem = `it runs as it was not asked to: ${detail}, not ${state}`;
  } else if (call === 'prlimit64' && detail === 'exit status: 1') {
    // The program asks for its limits as well, and was hit there.
    result.stage = 'runs';
  } else if (!fitting(place, call, error).includes(stage) && !(subject.isAlone && stage === 'Helper')) {
    result.problem = `an outcome that does not fit: ${detail}`;
  }
}

/** Whether the helper may end by it. */
function mayEnd(call: string, error: string): boolean {
  return error === KILL || FALLIBLE[call]!.stages.includes('Helper');
}

function fitting(place: Place, call: string, error: string): string[] {
  if (place === 'start') return ['Helper', 'Protocol'];
  if (error !== KILL) return FALLIBLE[call]!.stages;
  // Who has told that execve comes next is taken for the program that it was about to be.
  if (call === 'execve') return ['UnknownError', 'AuxCommandKilled', 'signal: 9 (SIGKILL)'];
  return place === 'helper' ? ['Helper'] : ['UnknownError', 'AuxCommandKilled'];
}

async function nothingIsLeft(helper: number): Promise<void> {
  await until('no process is left', () => childrenOf(helper).length === 0);
  if (!exists(helper)) return;
  const atRest = () => openInHelper(helper).filter(link => HELPER_AT_REST.includes(link)).length;
  await until('no descriptor is left', () => openInHelper(helper).length === atRest());
}

interface World {
  processes: string[];
  /** Mounts, and the client's own descriptors. */
  counts: string;
}

function world(): World {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length;
  const descriptors = readdirSync('/proc/self/fd').length;
  return {
    processes: readdirSync('/proc').filter(name => /^\d+$/.test(name)),
    counts: `${mounts} mounts, ${descriptors} descriptors`,
  };
}

/** What is there that was not there before; empty: nothing. */
function newIn(before: World): string {
  const now = world();
  const processes = now.processes.filter(pid => !before.processes.includes(pid));
  const counts = now.counts === before.counts ? '' : `${now.counts} instead of ${before.counts}`;
  return [...processes, counts].filter(part => part !== '').join(', ');
}

export interface Sweep {
  results: Result[];
  /** How many positions of processes there are, each for itself, and how many were hit. */
  positions: { hit: number; all: number };
  failed: number;
}

/** Sweeps over `all`, and tells of each problem. `every`: only one in so many faults. */
export async function sweep(
  all: Subject[],
  { kills = false, every = 1 }: { kills?: boolean; every?: number } = {},
): Promise<Sweep> {
  const results: Result[] = [];
  const positions = { hit: 0, all: 0 };
  let number = 0;
  const one = async (plan: Plan, fault: Fault, hit: Set<string>) => {
    number += 1;
    if (number % every !== 0) return;
    const { result, hits } = await suffer(plan, fault);
    for (const order of hits) hit.add(`${order} ${fault.call} ${fault.position}`);
    if (result.stage !== null || result.problem !== null) results.push(result);
    if (result.problem !== null) {
      console.log(
        `FAILED: ${plan.subject.name}, ${fault.place}: ${fault.call} ${fault.error} at ${fault.position}: ${result.problem}`,
      );
    }
  };
  for (const subject of all) {
    const plan = await planOf(subject, kills);
    const hit = new Set<string>();
    if (subject === all[0]) for await (const fault of startFaults(kills)) await one(plan, fault, hit);
    for (const fault of faultsOf(plan, kills)) await one(plan, fault, hit);
    positions.hit += hit.size;
    positions.all += plan.positions;
    const done = results.filter(result => result.subject === subject.name).length;
    console.log(
      `${subject.name}: ${done} faults, ${hit.size} positions of its processes hit, of ${plan.positions}`,
    );
  }
  const failed = results.filter(({ problem }) => problem !== null).length;
  console.log(`${results.length} faults, ${failed} failed`);
  return { results, positions, failed };
}

const PLACES: Record<Place, string> = {
  start: 'helper, at its start',
  helper: 'helper',
  process: 'process on its way',
};

/** What came of the faults, call by call, in Markdown. */
function tableOf(results: Result[]): string[] {
  const rows = new Map<string, { errors: Set<string>; stages: Map<string, number> }>();
  for (const { place, call, error, stage } of results) {
    if (stage === null) continue;
    const key = `\`${call}\` | ${PLACES[place]}`;
    const row = rows.get(key) ?? { errors: new Set(), stages: new Map() };
    rows.set(key, row);
    row.errors.add(error);
    row.stages.set(stage, (row.stages.get(stage) ?? 0) + 1);
  }
  const lines = [...rows].sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '| call | of the | errors | what came of it, how often |',
    '| --- | --- | --- | --- |',
    ...lines.map(([key, { errors, stages }]) => {
      const came = [...stages].sort(([a], [b]) => (a < b ? -1 : 1));
      const list = came.map(([stage, count]) => `${stage === 'runs' ? stage : `\`${stage}\``} ${count}`);
      return `| ${key} | ${[...errors].sort().join(', ')} | ${list.join(', ')} |`;
    }),
  ];
}

/** docs/faults.md. */
export function documentOf({ results, positions }: Sweep): string {
  const runs = results.filter(({ stage }) => stage === 'runs').length;
  return [
    '<!-- Written by `npm run soak -- faults --write`. -->',
    '',
    '# Faults',
    '',
    'What comes of it when a system call fails that the helper makes, or a process on its way to its program: `npm run soak -- faults`',
    'has strace make each of them fail, at each of its positions, by each error that it can have, on the way of a few commands that',
    'use all there is: namespaces, joined and new, id maps, a new root, credentials, capabilities, descriptors, steps, a freeze, a synchronous call.',
    '',
    `Of ${results.length} faults, ${runs} left the command as it was asked for, which the program itself tells: its ids, capabilities, signals,`,
    'limits, descriptors. The others made it reject at a stage of [errors.md](errors.md). Never was a promise left unsettled, nor a process,',
    'a descriptor or a mount left behind, and the next command worked: by the same helper, or by a new one after the stage `Helper`.',
    `Of the ${positions.all} positions in processes on their way, ${positions.hit} were hit; the others were never reached: another process of the same`,
    'command makes the same call earlier, and failed first.',
    '',
    ...tableOf(results),
    '',
    '## What cannot fail',
    '',
    'The helper counts on these calls. What refuses them nevertheless, a filter of system calls for instance, can make commands hang.',
    '',
    ...Object.entries(INFALLIBLE).map(([call, why]) => `- \`${call}\` ${why}.`),
    ...Object.entries(HELPER_INFALLIBLE).map(([call, why]) => `- The helper's \`${call}\` ${why}.`),
    '',
  ].join('\n');
}
