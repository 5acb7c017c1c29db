import { existsSync, readFileSync } from 'fs';
import { type Command, Helper } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { rootMaps, shell } from './support';

/** What a program does to client and helper by their process ids. */
const test = suite('reach');

const withoutTools =
  !(existsSync('/usr/bin/prlimit') && existsSync('/usr/bin/renice')) && 'prlimit or renice is not installed';

/** Prints what the kernel has let it do. None of it harms who is hit. */
function attack(pids: readonly number[]): string {
  return pids
    .map(
      pid => `{
        kill -0 ${pid} && echo signal
        cat /proc/${pid}/oom_score_adj > /proc/${pid}/oom_score_adj && echo oom_score_adj
        echo 1 > /proc/${pid}/clear_refs && echo clear_refs
        prlimit --pid ${pid} --core=0:0 && echo limit
        renice -n 0 -p ${pid} >&2 && echo priority
      } 2>/dev/null`,
    )
    .join('\n');
}

async function done(prepare: (command: Command) => Command, script = ''): Promise<string[]> {
  await shell('true').status();
  const pids = [process.pid, Helper.shared().pid!];
  const { stdout } = await prepare(shell(`${script}\n${attack(pids)}\necho end`)).output();
  return stdout.toString().split('\n').slice(0, -1);
}

test(
  'a pid namespace with its own /proc: client and helper are not to be found',
  async () => {
    // Their numbers may be those of processes in there, of which there are few.
    assert.ok(process.pid > 100);
    const lines = await done(
      command => command.unshare('user', 'pid', 'mount').setIdMaps(...rootMaps()),
      'mount -t proc proc /proc',
    );
    assert.equal(lines, ['end']);
  },
  { skip: withoutTools },
);

test(
  'with another user id outside, client and helper are out of reach, even if their pids are known',
  async () => {
    const lines = await done(command =>
      command
        .unshare('user')
        .setIdMaps(
          [{ insideUid: 0, outsideUid: 100_000, count: 1000 }],
          [{ insideGid: 0, outsideGid: 100_000, count: 1000 }],
        ),
    );
    assert.equal(lines, ['end']);
    assert.match(readFileSync(`/proc/${Helper.shared().pid}/status`, 'utf8'), /State:\s+[SR]/);
  },
  { skip: withoutTools || (process.geteuid!() !== 0 && 'an ordinary user may map only its own id') },
);

test(
  'the same user id outside, and pids that are known: the kernel lets it do all of this',
  async () => {
    const lines = await done(command => command.unshare('user').setIdMaps(...rootMaps()));
    for (const what of ['signal', 'limit', 'priority']) assert.ok(lines.includes(what), lines.join());
  },
  { skip: withoutTools },
);

test.run();
