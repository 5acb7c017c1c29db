import { readdirSync, readFileSync } from 'fs';
import { loadavg } from 'os';
import { performance } from 'perf_hooks';
import {
  type Child,
  type ChildEvent,
  type Command,
  childEvents,
  Helper,
  Command as Program,
  reapZombies,
  Stdio,
  UnshareError,
} from 'unshare';
import { runInThisContext } from 'vm';
import { Controller } from '../abort-controller';
import { childrenOf, collectGarbage, fixture, openInHelper, residentKib, rootMaps, until } from '../support';

/*
 * Many spawns of mixed kinds, 64 in flight: pipes flow, children stop and go on, some are killed, some spawns fail. Memory
 * and descriptors of both sides stay what they are, every event is accounted for, and spawns take as long at the end as at
 * the start.
 */

const inFlight = 64;
/** After each of so many parts everything ends, and both sides are looked at. */
const parts = 20;

/** What both sides have when nothing is in flight. */
export interface Sample {
  spawns: number;
  /** Of the plain spawns since the sample before. */
  latencyP50Ms: number;
  /** What else the machine was doing: processes that wanted to run, over the last minute. */
  load: number;
  heapKib: number;
  residentKib: number;
  descriptors: number;
  helperResidentKib: number;
  helperDescriptors: number;
}

export interface SpawnsReport {
  samples: Sample[];
  /** Spawns by their kind. */
  kinds: Map<string, number>;
  events: { deaths: number; stops: number; continues: number };
  /** Of the plain spawns, from the call to the promise, in milliseconds, in the order of the calls. */
  latenciesMs: Float64Array;
  /** At the end, one spawn after the other, by the helper that has served all that and by a new one in turns. */
  alone: { used: Percentiles; fresh: Percentiles };
  seconds: number;
  problems: string[];
}

interface Soak {
  helper: Helper;
  ledger: Ledger;
  /** Outside of the heap that is measured. */
  latenciesMs: Float64Array;
  latenciesCount: number;
}

/** Throws where it does not come to what it should. */
type Kind = (soak: Soak) => Promise<void>;

const exit = () => new Program(fixture('exit')).stdin('null');
const sleeper = () => new Program('/bin/sleep').arg('60').stdin('null').stdout('null');
const sandboxed = (command: Command) => command.unshare('user', 'pid', 'uts', 'ipc').setIdMaps(...rootMaps());

/** Each kind of spawn, as often as its number says in a round of all. */
const kinds: Record<string, [often: number, kind: Kind]> = {
  plain: [40, timed],
  sandboxed: [16, ({ helper, ledger }) => succeeds(ledger, sandboxed(exit()), helper)],
  'by a joiner': [6, ({ helper, ledger }) => succeeds(ledger, sandboxed(exit()).unshare('time'), helper)],
  'handle dropped': [
    6,
    async ({ helper, ledger }) => {
      ledger.expect(await exit().spawn({ helper }), { stops: 0 });
    },
  ],
  piped: [8, echoes],
  'piped, much': [2, floods],
  frozen: [
    4,
    ({ helper, ledger }) =>
      succeeds(
        ledger,
        sandboxed(exit()).beforeUnfreeze(() => Promise.resolve()),
        helper,
      ),
  ],
  'stopped, continued, killed': [4, stopsAndGoesOn],
  killed: [
    4,
    async ({ helper, ledger }) => {
      const child = ledger.expect(await sleeper().spawn({ helper }), { stops: 0 });
      await child.kill();
      equal((await child.wait()).signal, 'SIGKILL');
    },
  ],
  'fails at Exec': [4, ({ helper }) => fails('Exec', new Program('/nowhere'), helper)],
  'fails at Chdir': [2, ({ helper }) => fails('Chdir', sandboxed(exit()).currentDir('/nowhere'), helper)],
  'fails at BeforeUnfreeze': [
    1,
    ({ helper }) =>
      fails(
        'BeforeUnfreeze',
        exit().beforeUnfreeze(() => Promise.reject(new Error('no'))),
        helper,
      ),
  ],
  aborted: [2, aborts],
  inherited: [
    1,
    async ({ helper, ledger }) => {
      const child = await exit().stdout(Stdio.dupFile(1)).spawn({ helper });
      ledger.expect(child, { stops: 0 });
      equal((await child.wait()).success, true);
    },
  ],
};

function equal<T>(actual: T, expected: T): void {
  if (actual !== expected) throw new Error(`${actual} instead of ${expected}`);
}

async function succeeds(ledger: Ledger, command: Command, helper: Helper): Promise<void> {
  const child = ledger.expect(await command.spawn({ helper }), { stops: 0 });
  equal((await child.wait()).success, true);
}

async function timed(soak: Soak): Promise<void> {
  const command = exit();
  const start = performance.now();
  const child = await command.spawn({ helper: soak.helper });
  soak.latenciesMs[soak.latenciesCount] = performance.now() - start;
  soak.latenciesCount += 1;
  soak.ledger.expect(child, { stops: 0 });
  equal((await child.wait()).success, true);
}

async function echoes({ helper, ledger }: Soak): Promise<void> {
  const child = await new Program('/bin/cat').stdin('piped').stdout('piped').spawn({ helper });
  ledger.expect(child, { stops: 0 });
  child.stdin!.end('x'.repeat(1000));
  equal((await child.stdout!.text()).length, 1000);
  equal((await child.wait()).success, true);
}

async function floods({ helper, ledger }: Soak): Promise<void> {
  const child = await new Program(fixture('flood'))
    .arg(`${1 << 20}`)
    .stdout('piped')
    .spawn({ helper });
  ledger.expect(child, { stops: 0 });
  equal((await child.stdout!.bytes()).length, 1 << 20);
  equal((await child.wait()).success, true);
}

async function stopsAndGoesOn({ helper, ledger }: Soak): Promise<void> {
  const child = ledger.expect(await sleeper().spawn({ helper }), { stops: 1 });
  await child.signal('SIGSTOP');
  await ledger.event(child, 'stop');
  await child.signal('SIGCONT');
  await ledger.event(child, 'continue');
  await child.kill();
  equal((await child.wait()).signal, 'SIGKILL');
}

async function fails(stage: string, command: Command, helper: Helper): Promise<void> {
  try {
    await command.spawn({ helper });
  } catch (error) {
    if (!(error instanceof UnshareError)) throw error;
    return equal(error.stage as string, stage);
  }
  throw new Error(`it did not fail at ${stage}`);
}

async function aborts({ helper, ledger }: Soak): Promise<void> {
  const controller = new Controller();
  const spawned = sandboxed(sleeper()).spawn({ helper, signal: controller });
  const reason = new Error('enough');
  setImmediate(() => controller.abort(reason));
  try {
    // Aborted too late to keep it from running, it is ended.
    const child = ledger.expect(await spawned, { stops: 0 });
    equal((await child.wait()).signal, 'SIGKILL');
  } catch (error) {
    equal(error, reason);
  }
}

interface Account {
  stops: number;
  continues: number;
  expectedStops: number;
  waiting: Map<string, () => void>;
}

/** Every child has one death, and as many stops and continuations as were brought about. */
class Ledger {
  readonly events = { deaths: 0, stops: 0, continues: 0 };
  readonly problems: string[] = [];
  /** How many `reapZombies` has listed. */
  reaped = 0;
  private readonly accounts = new Map<Child, Account>();
  private readonly dead = new WeakSet<Child>();
  /** Those whose events came before their spawn had resolved. */
  private expected = 0;
  private readonly iterator = childEvents();
  private readonly end = this.take();

  expect(child: Child, { stops }: { stops: number }): Child {
    this.expected += 1;
    const account = this.account(child);
    if (account !== null) account.expectedStops = stops;
    return child;
  }

  /** Resolves when that has happened to the child. */
  event(child: Child, type: 'stop' | 'continue'): Promise<void> {
    const account = this.account(child)!;
    if ((type === 'stop' ? account.stops : account.continues) > 0) return Promise.resolve();
    return new Promise(resolve => account.waiting.set(type, resolve));
  }

  /** Resolves when everybody is dead that was expected. */
  async settle(): Promise<void> {
    await until('every death was told', () => this.events.deaths === this.expected, 10_000);
  }

  async close(): Promise<void> {
    await this.iterator.return!();
    await this.end;
  }

  private account(child: Child): Account | null {
    if (this.dead.has(child)) return null;
    const account = this.accounts.get(child) ?? {
      stops: 0,
      continues: 0,
      expectedStops: 0,
      waiting: new Map(),
    };
    this.accounts.set(child, account);
    return account;
  }

  private async take(): Promise<void> {
    for await (const event of this.iterator) this.enter(event);
  }

  private enter(event: ChildEvent): void {
    const { child, type } = event;
    const account = child === null ? null : this.account(child);
    if (child === null || account === null) {
      this.problems.push(`${type} of a child that is dead or nobody's`);
      return;
    }
    if (type === 'death') {
      this.events.deaths += 1;
      this.accounts.delete(child);
      this.dead.add(child);
      if (account.stops !== account.expectedStops || account.continues !== account.expectedStops) {
        this.problems.push(`${account.stops} stops and ${account.continues} continuations`);
      }
      return;
    }
    const isStop = type === 'stop';
    if (isStop) account.stops += 1;
    else account.continues += 1;
    this.events[isStop ? 'stops' : 'continues'] += 1;
    if (account.stops - account.continues !== (isStop ? 1 : 0)) this.problems.push(`${type} out of order`);
    account.waiting.get(type)?.();
  }
}

export async function soakSpawns(
  count: number,
  told: (sample: Sample) => void = () => {},
): Promise<SpawnsReport> {
  const helper = new Helper();
  const ledger = new Ledger();
  const soak: Soak = { helper, ledger, latenciesMs: new Float64Array(count), latenciesCount: 0 };
  const order = Object.entries(kinds).flatMap(([name, [often]]) => Array<string>(often).fill(name));
  shuffle(order);
  const counts = new Map<string, number>();
  const samples: Sample[] = [];
  const start = performance.now();
  let next = 0;
  let sampled = 0;
  const one = async (end: number) => {
    while (next < end) {
      const name = order[next % order.length]!;
      next += 1;
      counts.set(name, (counts.get(name) ?? 0) + 1);
      await kinds[name]![1](soak).catch(error => ledger.problems.push(`${name}: ${error.stack}`));
    }
  };
  for (let part = 1; part <= parts; part += 1) {
    const end = Math.floor((count * part) / parts);
    await Promise.all(Array.from({ length: inFlight }, () => one(end)));
    await ledger.settle();
    await reapDropped(ledger, counts.get('handle dropped') ?? 0);
    const since = soak.latenciesMs.subarray(sampled, soak.latenciesCount);
    sampled = soak.latenciesCount;
    samples.push({ ...(await sampleOf(helper, next)), latencyP50Ms: percentilesOf(since).p50 });
    told(samples[samples.length - 1]!);
  }
  const seconds = (performance.now() - start) / 1000;
  await ledger.close();
  const alone = await compareWithFresh(helper);
  await helper.close();
  const { events, problems } = ledger;
  return {
    samples,
    kinds: counts,
    events,
    latenciesMs: soak.latenciesMs.slice(0, soak.latenciesCount),
    alone,
    seconds,
    problems,
  };
}

/** Those that nobody has waited for are listed, once. */
async function reapDropped(ledger: Ledger, dropped: number): Promise<void> {
  for await (const [, status] of reapZombies()) {
    ledger.reaped += 1;
    if (!status.success) ledger.problems.push(`reaped: ${status}`);
  }
  if (ledger.reaped !== dropped) ledger.problems.push(`reaped: ${ledger.reaped} of ${dropped}`);
}

/** By a generator of its own, so that every run has the same order. */
function shuffle(list: string[]): void {
  let state = 1;
  for (let index = list.length - 1; index > 0; index -= 1) {
    state = (state * 48271) % 2147483647;
    const other = state % (index + 1);
    [list[index], list[other]] = [list[other]!, list[index]!];
  }
}

/** In turns, so that whatever else the machine does is the same for both. */
async function compareWithFresh(helper: Helper): Promise<SpawnsReport['alone']> {
  const fresh = new Helper();
  const turns = 500;
  const measured = { used: new Float64Array(turns), fresh: new Float64Array(turns) };
  await exit().status({ helper: fresh });
  for (let turn = 0; turn < turns; turn += 1) {
    for (const [name, which] of [
      ['used', helper],
      ['fresh', fresh],
    ] as const) {
      const start = performance.now();
      const child = await exit().spawn({ helper: which });
      measured[name][turn] = performance.now() - start;
      await child.wait();
    }
  }
  await fresh.close();
  return { used: percentilesOf(measured.used), fresh: percentilesOf(measured.fresh) };
}

async function sampleOf(helper: Helper, spawns: number): Promise<Omit<Sample, 'latencyP50Ms'>> {
  const pid = helper.pid!;
  await until('no process is left', () => childrenOf(pid).length === 0);
  // What is closed and collected only after a turn of the event loop.
  for (let turn = 0; turn < 3; turn += 1) {
    await new Promise(resolve => setTimeout(resolve, 20));
    collect();
  }
  return {
    spawns,
    load: Number(loadavg()[0]!.toFixed(1)),
    heapKib: Math.round(process.memoryUsage().heapUsed / 1024),
    residentKib: residentKib(process.pid),
    descriptors: readdirSync('/proc/self/fd').length,
    helperResidentKib: residentPages(pid) * 4,
    helperDescriptors: openInHelper(pid).length,
  };
}

const collect = runInThisContext(`require => ${collectGarbage}`)(require) as () => void;

function residentPages(pid: number): number {
  return Number(readFileSync(`/proc/${pid}/statm`, 'utf8').split(' ')[1]);
}

/** What is not as flat as it should be: the end against the first quarter, when the runtime has what it needs. */
export function driftOf({ samples, alone }: SpawnsReport): string[] {
  const early = samples[parts / 4 - 1]!;
  const late = samples[samples.length - 1]!;
  const drift: string[] = [];
  if (late.heapKib > early.heapKib + 2048) drift.push(`heap: ${early.heapKib} KiB, then ${late.heapKib}`);
  if (late.residentKib > early.residentKib * 1.3)
    drift.push(`resident: ${early.residentKib} KiB, then ${late.residentKib}`);
  if (late.helperResidentKib > early.helperResidentKib + 64) {
    drift.push(`helper: ${early.helperResidentKib} KiB, then ${late.helperResidentKib}`);
  }
  for (const field of ['descriptors', 'helperDescriptors'] as const) {
    if (late[field] !== early[field]) drift.push(`${field}: ${early[field]}, then ${late[field]}`);
  }
  // Those of many spawns at once are told, and not judged: they are twice as long where the machine is busy.
  if (alone.used.p50 > 1.3 * alone.fresh.p50) {
    drift.push(`median latency: ${alone.used.p50} ms, and ${alone.fresh.p50} by a new helper`);
  }
  return drift;
}

export interface Percentiles {
  p50: number;
  p95: number;
  p99: number;
}

/** Of the first and of the last tenth. */
export function tenths(latenciesMs: Float64Array): [first: Percentiles, last: Percentiles] {
  const size = Math.ceil(latenciesMs.length / 10);
  return [percentilesOf(latenciesMs.subarray(0, size)), percentilesOf(latenciesMs.subarray(-size))];
}

function percentilesOf(latenciesMs: Float64Array): Percentiles {
  const sorted = latenciesMs.slice().sort();
  const at = (share: number) => Number((sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(2));
  return { p50: at(0.5), p95: at(0.95), p99: at(0.99) };
}
