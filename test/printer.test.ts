import { inspect } from 'util';
import * as assert from 'uvu/assert';
import type { Bytes } from '../client/bytes';
import { Printer } from '../client/command/printer';
import type { SpawnRequest } from '../client/command/spawn-request';
import { checkSteps, step } from '../client/command/step';
import { Style } from '../client/command/style';
import { suite } from './harness';

const test = suite('printer');

const debug = Style.debug();
const short = Style.short();

test('debug shows program, arguments and environment', () => {
  const request = command({ args: ['/bin/sh', '-c', 'id'], environment: ['PATH=/bin', 'A='] });
  assert.is(show(request), '<Command "/bin/sh" "-c" "id"; environ: {"PATH"="/bin", "A"=""}>');
});

test('debug shows argv[0] in parentheses where it is not the program', () => {
  const request = command({ args: ['-sh', '-l'] });
  assert.is(show(request), '<Command "/bin/sh" ("-sh") "-l"; environ: {}>');
});

test('the argument that looks like argv[0] does not look like it', () => {
  const request = command({ args: ['/bin/sh', '("-sh")'] });
  assert.is(show(request), '<Command "/bin/sh" "(\\"-sh\\")"; environ: {}>');
});

test('path does nothing on debug', () => {
  const request = command({ args: ['-sh'] });
  assert.is(show(request, debug.path(false)), show(request));
});

test('a value of the environment may have equals signs', () => {
  const request = command({ environment: ['A=b=c', 'B=='] });
  assert.is(show(request), '<Command "/bin/sh"; environ: {"A"="b=c", "B"="="}>');
});

test('env(false) shows the number of variables', () => {
  const request = command({ environment: ['A=1', 'B=2'] });
  assert.is(show(request, debug.env(false)), '<Command "/bin/sh"; environ[2]>');
});

test('env(false) shows that there are none', () => {
  assert.is(show(command({}), debug.env(false)), '<Command "/bin/sh"; environ[0]>');
});

test('env(true) undoes env(false)', () => {
  assert.is(show(command({}), debug.env(false).env(true)), '<Command "/bin/sh"; environ: {}>');
});

test('the variable for the pid is not that with the text', () => {
  const request = command({ environment: ['A=<pid>', 'LISTEN_PID='], pidVariables: [1] });
  assert.is(show(request), '<Command "/bin/sh"; environ: {"A"="<pid>", "LISTEN_PID"=<pid>}>');
});

test('an environment that is inherited is not shown', () => {
  const request = command({ environment: ['A=1'] });
  assert.is(new Printer(request, debug, true).toString(), '<Command "/bin/sh">');
  assert.is(new Printer(request, debug.env(false), true).toString(), '<Command "/bin/sh">');
});

const SETTINGS: [what: string, fields: Partial<SpawnRequest>, shown: string][] = [
  ['chroot', { chrootDir: bytes('/a b') }, 'chroot="/a b"'],
  [
    'pivot_root that unmounts',
    { pivotRoot: { newRoot: bytes('/new'), putOld: bytes('/new/old'), unmount: true } },
    'pivot_root=("/new";"/new/old";true)',
  ],
  [
    'pivot_root that does not unmount',
    { pivotRoot: { newRoot: bytes('/new'), putOld: bytes('/new'), unmount: false } },
    'pivot_root=("/new";"/new";false)',
  ],
  ['new namespaces', { namespaces: ['user', 'time'] }, 'unshare=[user, time]'],
  [
    'a namespace to join by path',
    { joins: [{ namespace: 'net', source: { path: bytes('/run/netns/a') } }] },
    'set_namespace=[net="/run/netns/a"]',
  ],
  [
    'namespaces to join by descriptor and by pid',
    {
      joins: [
        { namespace: 'pid', source: { fd: 7 } },
        { namespace: 'user', source: { pid: 7 } },
      ],
    },
    'set_namespace=[pid=fd 7, user=pid 7]',
  ],
  ['slave propagation', { mountPropagation: 'slave' }, 'mount_propagation=slave'],
  ['unchanged propagation', { mountPropagation: 'unchanged' }, 'mount_propagation=unchanged'],
  ['the working directory', { currentDir: bytes('sub') }, 'work-dir="sub"'],
  [
    'id maps',
    {
      uidMaps: [
        { inside: 0, outside: 1000, count: 1 },
        { inside: 1, outside: 100000, count: 65536 },
      ],
      gidMaps: [{ inside: 0, outside: 100, count: 1 }],
    },
    'uid_map=[0 1000 1, 1 100000 65536]; gid_map=[0 100 1]',
  ],
  [
    'id map commands',
    { idMapCommands: { newuidmap: bytes('/bin/u'), newgidmap: bytes('/bin/g') } },
    'id_map_commands=("/bin/u";"/bin/g")',
  ],
  ['ids', { uid: 0, gid: 4294967294 }, 'uid=0; gid=4294967294'],
  ['groups', { groups: [4, 27] }, 'gids=[4, 27]'],
  ['that there are no groups', { groups: [] }, 'gids=[]'],
  ['kept capabilities', { keepCapabilities: [0, 40] }, 'keep_caps=[CAP_CHOWN, CAP_CHECKPOINT_RESTORE]'],
  ['that no capabilities are kept', { keepCapabilities: [] }, 'keep_caps=[]'],
  [
    'standard input, output and error',
    {
      descriptors: [
        { number: 0, kind: 'null-read' },
        { number: 1, kind: 'piped-write' },
        { number: 2, kind: 'null-write' },
      ],
    },
    'stdin=null; stdout=piped; stderr=null',
  ],
  [
    'standard input only, where the others are inherited',
    {
      descriptors: [
        { number: 0, kind: 'piped-read' },
        { number: 1, kind: 'inherit' },
        { number: 2, kind: 'inherit' },
      ],
    },
    'stdin=piped',
  ],
  [
    'further descriptors, with their direction',
    {
      descriptors: [
        { number: 0, kind: 'inherit' },
        { number: 1, kind: 'inherit' },
        { number: 2, kind: 'inherit' },
        { number: 3, kind: 'piped-read' },
        { number: 10, kind: 'null-write' },
        { number: 11, kind: 'inherit' },
      ],
    },
    'fd 3=piped-read; fd 10=null-write; fd 11=inherit',
  ],
  [
    'ranges of descriptors to close',
    {
      closeRanges: [
        { from: 3, to: 10 },
        { from: 20, to: Infinity },
      ],
    },
    'close_fds=[3..10, 20..]',
  ],
  ['that there is no parent death signal', { parentDeathSignal: 0 }, 'daemonize'],
  ['the parent death signal', { parentDeathSignal: 15 }, 'death_signal=SIGTERM'],
  ['a real-time parent death signal', { parentDeathSignal: 64 }, 'death_signal=SIGRT_32'],
  ['that signals are kept', { keepSignalMask: true }, 'keep_sigmask'],
  ['a process group', { makeGroupLeader: true }, 'group_leader'],
  ['a session', { newSession: true }, 'new_session'],
  ['a function for the frozen child', { beforeUnfreeze: () => {} }, 'before_unfreeze'],
  [
    'steps',
    { preExec: [step.syscall('setsid'), step.syscall('openat', -100, '/dev/tty', 2)] },
    'pre_exec=[setsid(), openat(-100, "/dev/tty", 2)]',
  ],
  [
    'a step that may fail and uses a result',
    {
      preExec: checkSteps([
        step.syscall('getpid'),
        step.allowFailure(step.syscall('ioctl', step.result(0), 0x540e)),
      ]),
    },
    'pre_exec=[getpid(), allow_failure(ioctl(result(0), 21518))]',
  ],
  [
    'large and negative numbers of steps',
    { preExec: [step.syscall('x', -1, BigInt('0x7fffffffffffffff'), BigInt('-9223372036854775808'))] },
    'pre_exec=[x(-1, 9223372036854775807, -9223372036854775808)]',
  ],
  [
    'bytes of a step that can be a string as one',
    { preExec: [step.syscall('chdir', Buffer.from('/a"'))] },
    'pre_exec=[chdir("/a\\"")]',
  ],
  [
    'bytes of a step that are a structure',
    { preExec: [step.syscall('x', Uint8Array.of(0, 1, 0xff))] },
    'pre_exec=[x(<Buffer 00 01 ff>)]',
  ],
  ['32 bytes of a structure', { preExec: [step.syscall('x', new Uint8Array(32))] }, structure(32, '')],
  [
    'no more of a structure',
    { preExec: [step.syscall('x', new Uint8Array(1000))] },
    structure(32, ' ... 968 more'),
  ],
];

for (const [what, fields, shown] of SETTINGS) {
  test(`debug shows ${what}`, () => {
    assert.is(show(command(fields)), `<Command "/bin/sh"; environ: {}; ${shown}>`);
  });

  test(`short does not show ${what}`, () => {
    assert.is(show(command(fields), short), '"sh"');
  });
}

test('debug shows what is not to be, since the default may be either', () => {
  const text = show(command({ makeGroupLeader: false, newSession: false }));
  assert.is(text, '<Command "/bin/sh"; environ: {}; group_leader=false; new_session=false>');
});

test('debug shows everything at once, on one line', () => {
  const all: Partial<SpawnRequest> = Object.assign({}, ...SETTINGS.map(([, fields]) => fields));
  const text = show(command({ ...all, args: ['x\ny'], environment: ['A=\n'], parentDeathSignal: 15 }));
  for (const name of [
    ...['environ', 'chroot', 'pivot_root', 'unshare', 'set_namespace', 'mount_propagation', 'work-dir'],
    ...['uid_map', 'gid_map', 'id_map_commands', 'uid', 'gid', 'gids', 'keep_caps', 'fd 3', 'close_fds'],
    ...['death_signal', 'keep_sigmask', 'group_leader', 'new_session', 'before_unfreeze', 'pre_exec'],
  ]) {
    assert.ok(text.includes(`; ${name}`), name);
  }
  assert.not.ok(text.includes('\n'));
});

test('short shows the name of the program and the arguments', () => {
  const request = command({ args: ['/bin/sh', '-c', 'echo /x'], environment: ['A=1'] });
  assert.is(show(request, short), '"sh" "-c" "echo /x"');
});

test('short shows the last component of argv[0], not of the program', () => {
  assert.is(show(command({ args: ['/opt/my tools/name'] }), short), '"name"');
  assert.is(show(command({ args: ['name'] }), short), '"name"');
});

test('short shows an argv[0] that is empty', () => {
  assert.is(show(command({ args: ['', 'x'] }), short), '"" "x"');
});

test('short with path(true) shows the path alone where argv[0] is the same', () => {
  assert.is(show(command({ args: ['/bin/sh', 'x'] }), short.path(true)), '"/bin/sh" "x"');
});

test('short with path(true) shows argv[0] in parentheses where it differs', () => {
  assert.is(show(command({ args: ['sh', 'x'] }), short.path(true)), '"/bin/sh" ("sh") "x"');
});

test('path(false) undoes path(true)', () => {
  assert.is(show(command({ args: ['/bin/sh'] }), short.path(true).path(false)), '"sh"');
});

test('env does nothing on short', () => {
  const request = command({ environment: ['A=1'] });
  for (const on of [true, false]) assert.is(show(request, short.env(on)), '"sh"');
});

const QUOTED: [what: string, argument: Bytes, shown: string][] = [
  ['nothing', '', '""'],
  ['a space', ' ', '" "'],
  ['two words', 'a b', '"a b"'],
  ['a quote', '"', '"\\""'],
  ['two quotes with a space between', '" "', '"\\" \\""'],
  ['a backslash', '\\', '"\\\\"'],
  ['a newline', '\n', '"\\n"'],
  ['a backslash and an n', '\\n', '"\\\\n"'],
  ['a control character', '\x1b', '"\\u001b"'],
  ['the text of its escape', '\\u001b', '"\\\\u001b"'],
  ['text beyond ASCII', 'é', '"é"'],
  ['its UTF-8 as bytes', Uint8Array.of(0xc3, 0xa9), '"é"'],
  ['its Latin-1 as a byte', Uint8Array.of(0xe9), '"\\xe9"'],
  ['the byte 0xff', Uint8Array.of(0xff), '"\\xff"'],
  ['the text of its escape, with one backslash', '\\xff', '"\\\\xff"'],
  ['the text of its escape, with two', '\\\\xff', '"\\\\\\\\xff"'],
  ['a backslash before the byte 0xff', Uint8Array.of(0x5c, 0xff), '"\\\\\\xff"'],
  ['the byte 0xff and the text of its escape', Buffer.from('\xff\\xff', 'latin1'), '"\\xff\\\\xff"'],
  ['a quote and a newline before the byte 0xff', Buffer.from('"\n\xff', 'latin1'), '"\\"\\n\\xff"'],
  ['the replacement character', '\ufffd', '"\ufffd"'],
];

for (const [what, argument, shown] of QUOTED) {
  test(`an argument that is ${what} is shown as ${shown}`, () => {
    const request = command({ args: ['/bin/sh', argument] });
    assert.is(show(request), `<Command "/bin/sh" ${shown}; environ: {}>`);
    assert.is(show(request, short), `"sh" ${shown}`);
  });
}

test('what is not the same is not shown as the same', () => {
  const texts = QUOTED.map(([, , shown]) => shown);
  // But for the same text as a string and as bytes.
  assert.is(new Set(texts).size, texts.length - 1);
});

test('paths and the environment are quoted like arguments', () => {
  const fields = { chrootDir: Uint8Array.of(0x2f, 0xff), currentDir: bytes('\\xff') };
  assert.is(
    show(command({ ...fields, environment: [Buffer.from('K\xfe=\xff', 'latin1')] })),
    '<Command "/bin/sh"; environ: {"K\\xfe"="\\xff"}; chroot="/\\xff"; work-dir="\\\\xff">',
  );
});

test('util.inspect shows the same text', () => {
  const printer = new Printer(command({ args: ['a', 'b'] }), debug);
  assert.is(inspect(printer), printer.toString());
  assert.is(`${printer}`, printer.toString());
});

test('a Printer of another style is a TypeError that names the argument', () => {
  for (const value of [undefined, null, 'debug', {}, Style]) {
    assert.throws(
      () => new Printer(command({}), value as never),
      (error: Error) => error instanceof TypeError && error.message === 'style must be a Style',
    );
  }
});

test('a style does not change', () => {
  const style = Style.debug();
  assert.is.not(style.env(false), style);
  assert.ok(Object.isFrozen(style));
  assert.is(show(command({}), style), '<Command "/bin/sh"; environ: {}>');
});

test('env and path of a style with another type are TypeErrors that name them', () => {
  for (const method of ['env', 'path'] as const) {
    for (const value of [undefined, null, 0, 1, 'true', {}]) {
      assert.throws(
        () => Style.debug()[method](value as never),
        (error: Error) => error instanceof TypeError && error.message === `${method} must be a boolean`,
      );
    }
  }
});

test.run();

/** /bin/sh with what a command has by default, but for `fields`. */
function command(
  fields: Partial<Omit<SpawnRequest, 'arguments' | 'environment'>> & {
    args?: Bytes[];
    environment?: readonly Bytes[];
  },
): SpawnRequest {
  const { args = ['/bin/sh'], environment = [], ...rest } = fields;
  return {
    streamed: null,
    program: bytes('/bin/sh'),
    arguments: args.map(bytes),
    environment: environment.map(bytes),
    pidVariables: [],
    autoMaps: false,
    currentDir: null,
    pivotRoot: null,
    chrootDir: null,
    descriptors: [0, 1, 2].map(number => ({ number, kind: 'inherit' })),
    closeRanges: [],
    namespaces: [],
    mountPropagation: 'private',
    joins: [],
    uidMaps: [],
    gidMaps: [],
    idMapCommands: null,
    uid: null,
    gid: null,
    groups: null,
    keepCapabilities: null,
    makeGroupLeader: null,
    newSession: null,
    foreground: false,
    keepSignalMask: false,
    parentDeathSignal: 9,
    preExec: [],
    beforeUnfreeze: null,
    ...rest,
  };
}

function bytes(value: Bytes): Uint8Array {
  return typeof value === 'string' ? Buffer.from(value) : value;
}

function show(request: SpawnRequest, style = debug): string {
  return new Printer(request, style).toString();
}

/** A step with a structure of zeros. */
function structure(count: number, rest: string): string {
  return `pre_exec=[x(<Buffer ${new Array(count).fill('00').join(' ')}${rest}>)]`;
}
