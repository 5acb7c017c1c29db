import {
  Capability,
  Command,
  Fd,
  type Helper,
  type MountPropagation,
  Namespace,
  Signal,
  step,
} from '../../client';
import { capabilityNumber } from '../../client/command/capability';
import type { SpawnRequest } from '../../client/command/spawn-request';
import { type SpawnMessage, toSpawnMessage } from '../../client/protocol/spawn-message';
import { currentUmask } from '../../client/protocol/umask';
import { signalNumber } from '../../client/signals';
import type { Dice } from './dice';
import type { Plain } from './random-message';

import allSyscalls = require('../../client/syscalls');

const SYSCALLS = allSyscalls[process.arch]!;
const EQUALS_SIGN = '='.charCodeAt(0);

/** Numbers of the messages, in their order there; see proto/unshare.proto. */
const NAMESPACES = ['', 'mount', 'uts', 'ipc', 'user', 'pid', 'net', 'cgroup', 'time'];
const PROPAGATIONS = ['', 'private', 'slave', 'shared', 'unchanged'];
const PIPE_READ = 4;
const PIPE_WRITE = 5;
const NULL_READ = 2;
const NULL_WRITE = 3;
const FILE = 9;
const SAME = 10;

/** A command that the methods of Command were told, and what the message about it is to say, worked out apart from them. */
export async function randomCommand(dice: Dice): Promise<{ message: SpawnMessage; expected: Plain }> {
  const program = Buffer.concat([Buffer.from('/'), dice.text()]);
  const command = new Command(program);
  const expected: Plain = { program, umask: currentUmask(), mountPropagation: 1, parentDeathSignal: 9 };
  tellStrings(dice, command, expected);
  tellDescriptors(dice, command, expected);
  tellNamespaces(dice, command, expected);
  tellCredentials(dice, command, expected);
  tellRest(dice, command, expected);
  return { message: toSpawnMessage(await requestOf(command), { clientDir: null, startDir: null }), expected };
}

/** What a helper is asked for. */
async function requestOf(command: Command): Promise<SpawnRequest> {
  let asked: SpawnRequest | undefined;
  const helper = {
    async start(request: SpawnRequest): Promise<never> {
      asked = request;
      throw new Error('it starts nothing');
    },
  };
  await command.spawn({ helper: helper as unknown as Helper }).catch(() => {});
  return asked!;
}

/** Returns `value`, which is expected under this name. */
function expecting<T>(expected: Plain, name: string, value: T): T {
  expected[name] = value;
  return value;
}

function tellStrings(dice: Dice, command: Command, expected: Plain): void {
  const rest = dice.list(6, () => dice.text());
  command.args(rest);
  let first = expected.program;
  if (dice.oneIn(3)) {
    first = dice.text();
    command.arg0(first as Buffer);
  }
  expected.arguments = [first, ...rest];
  command.envClear();
  const entries = new Map<string, Buffer>();
  const pids = new Set<string>();
  for (const key of dice.list(6, () => dice.text(1 + dice.upTo(6), [EQUALS_SIGN]))) {
    const name = key.toString('latin1');
    const value = dice.oneIn(4) ? null : dice.text();
    if (value === null) command.envVarWithPid(key);
    else command.env(key, value);
    if (value === null) pids.add(name);
    else pids.delete(name);
    entries.set(name, Buffer.concat([key, Buffer.from('='), value ?? Buffer.alloc(10, '0')]));
  }
  expected.environment = [...entries.values()];
  expected.pidVariables = [...entries.keys()].flatMap((name, index) => (pids.has(name) ? [index] : []));
}

/** A file to open, and what the message is to say of it. */
function tellFile(dice: Dice): { fd: Fd; expected: Plain } {
  const path = Buffer.concat([Buffer.from('/'), dice.text()]);
  const inside = dice.oneIn(2);
  const flags = { read: false, write: false, append: false, create: false, truncate: false, mode: 0 };
  if (dice.oneIn(3))
    return { fd: Fd.readFile(path, { inside }), expected: { ...flags, path, read: true, inside } };
  const [append, create, truncate, read] = [dice.oneIn(2), dice.oneIn(2), dice.oneIn(2), dice.oneIn(2)];
  const options = { append, create, truncate, read, mode: dice.below(0o10000), inside };
  return { fd: Fd.writeFile(path, options), expected: { ...flags, ...options, path, write: true } };
}

function tellDescriptors(dice: Dice, command: Command, expected: Plain): void {
  const list: Plain[] = [];
  if (dice.oneIn(2)) {
    command.stdin('piped').stdout('null');
    list.push({ number: 0, source: PIPE_READ }, { number: 1, source: NULL_WRITE });
  }
  const kinds = [
    [() => Fd.pipedRead(), PIPE_READ],
    [() => Fd.pipedWrite(), PIPE_WRITE],
    [() => Fd.readNull(), NULL_READ],
    [() => Fd.writeNull(), NULL_WRITE],
  ] as const;
  for (const number of new Set(dice.list(5, () => 3 + dice.below(2 ** dice.upTo(30))))) {
    const target = dice.pick(list.concat({ number: 2, source: 0 }));
    if (dice.oneIn(8) && target.source !== SAME) {
      command.fileDescriptor(number, Fd.sameAs(target.number as number));
      list.push({ number, source: SAME, sameAs: target.number });
      continue;
    }
    if (dice.oneIn(4)) {
      const file = tellFile(dice);
      command.fileDescriptor(number, file.fd);
      list.push({ number, source: FILE, file: file.expected });
      continue;
    }
    const [make, source] = dice.pick(kinds);
    command.fileDescriptor(number, make());
    list.push({ number, source });
  }
  expected.descriptors = list;
  expected.closeDescriptors = dice.list(3, () => {
    const [first, size] = [3 + dice.upTo(50), 1 + dice.upTo(50)];
    if (dice.oneIn(4)) {
      command.closeFds(first);
      return { first, last: 2 ** 32 - 1 };
    }
    command.closeFds(first, first + size);
    return { first, last: first + size - 1 };
  });
}

function tellNamespaces(dice: Dice, command: Command, expected: Plain): void {
  const made = dice.some(Object.values(Namespace));
  command.unshare(...made);
  if (dice.oneIn(3)) {
    const mode = dice.pick(PROPAGATIONS.slice(1)) as MountPropagation;
    command.mountPropagation(mode);
    expected.mountPropagation = PROPAGATIONS.indexOf(mode);
  }
  if (dice.oneIn(3)) {
    const row = () => ({ inside: dice.upTo(9), outside: dice.upTo(99), count: 1 + dice.upTo(9) });
    const [uidMaps, gidMaps] = [dice.list(4, row), dice.list(4, row)];
    command.setIdMaps(
      uidMaps.map(({ inside, outside, count }) => ({ insideUid: inside, outsideUid: outside, count })),
      gidMaps.map(({ inside, outside, count }) => ({ insideGid: inside, outsideGid: outside, count })),
    );
    if (!made.includes('user')) made.push('user');
    Object.assign(expected, { uidMaps, gidMaps });
    if (dice.oneIn(3)) {
      const [newuidmap, newgidmap] = [
        Buffer.from('/newuidmap'),
        Buffer.concat([Buffer.from('/'), dice.text()]),
      ];
      command.setIdMapCommands(newuidmap, newgidmap);
      if (uidMaps.length + gidMaps.length > 0) expected.idMapCommands = { newuidmap, newgidmap };
    }
  }
  expected.namespaces = made.map(name => NAMESPACES.indexOf(name));
  expected.joins = dice.some(Object.values(Namespace).filter(name => !made.includes(name))).map(name => {
    const namespace = NAMESPACES.indexOf(name);
    if (dice.oneIn(2)) {
      const pid = 1 + dice.upTo(2 ** 31 - 2);
      command.setNamespace({ pid }, name);
      return { namespace, pid };
    }
    const path = Buffer.concat([Buffer.from('/'), dice.text()]);
    command.setNamespace(path, name);
    return { namespace, path };
  });
}

function tellCredentials(dice: Dice, command: Command, expected: Plain): void {
  const id = () => Math.min(dice.uint32(), 2 ** 32 - 2);
  if (dice.oneIn(3)) command.uid(expecting(expected, 'uid', id()));
  if (dice.oneIn(3)) command.gid(expecting(expected, 'gid', id()));
  if (dice.oneIn(3)) {
    const gids = dice.list(9, id);
    command.groups(gids);
    expected.groups = { gids };
  }
  if (dice.oneIn(3)) {
    const kept = dice.some(Object.values(Capability));
    command.keepCaps(kept);
    expected.keepCapabilities = kept.reduce((bits, name) => bits + 2 ** capabilityNumber(name, ''), 0);
  }
}

function tellRest(dice: Dice, command: Command, expected: Plain): void {
  if (dice.oneIn(3)) command.currentDir(expecting(expected, 'currentDir', dice.text(1 + dice.size())));
  if (dice.oneIn(3)) {
    command.chrootDir(expecting(expected, 'chrootDir', Buffer.concat([Buffer.from('/'), dice.text()])));
  }
  if (dice.oneIn(4)) {
    const unmount = dice.oneIn(2);
    command.pivotRoot('/root', '/root/old', unmount);
    expected.pivotRoot = { newRoot: Buffer.from('/root'), putOld: Buffer.from('/root/old'), unmount };
  }
  if (dice.oneIn(3)) command.makeGroupLeader(expecting(expected, 'makeGroupLeader', dice.oneIn(2)));
  else command.newSession(expecting(expected, 'newSession', dice.oneIn(2)));
  if (dice.oneIn(3)) {
    command.keepSigmask();
    expected.keepSignalMask = true;
  }
  if (dice.oneIn(3)) {
    const name = dice.pick(Object.values(Signal));
    command.setParentDeathSignal(name);
    expected.parentDeathSignal = signalNumber(name);
  }
  if (dice.oneIn(8)) {
    command.beforeUnfreeze(() => {});
    expected.freeze = true;
  }
  if (dice.oneIn(2)) tellSteps(dice, command, expected);
}

function tellSteps(dice: Dice, command: Command, expected: Plain): void {
  const names = Object.keys(SYSCALLS);
  const told: Plain[] = [];
  const steps = dice.list(dice.oneIn(20) ? 64 : 4, index => {
    const allowFailure = dice.oneIn(3);
    const name = dice.pick(names);
    const made: Plain[] = [];
    const values = dice.list(6, () => {
      if (index > 0 && dice.oneIn(4)) {
        const result = dice.below(index);
        made.push({ result });
        return step.result(result);
      }
      if (dice.oneIn(2)) {
        const number = dice.uint32() - dice.pick([0, 2 ** 31]);
        made.push({ number: BigInt.asUintN(64, BigInt(number)) });
        return number;
      }
      const buffer = dice.bytes();
      made.push({ buffer });
      return buffer;
    });
    told.push({ number: SYSCALLS[name], arguments: made, allowFailure });
    const call = step.syscall(name, ...values);
    return allowFailure ? step.allowFailure(call) : call;
  });
  command.preExec(steps);
  expected.preExec = told;
}
