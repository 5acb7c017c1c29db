import { readdirSync, readFileSync } from 'fs';
import * as path from 'path';
import * as unshare from 'unshare';
import * as assert from 'uvu/assert';
import { runInNewContext } from 'vm';
import { editDistance } from '../client/check/edit-distance';
import { suite } from './harness';
import { packageRoot } from './support';

const test = suite('unknown arguments and options');
const { Command, childEvents, doctor, Helper, reapZombies } = unshare;

/** More than any call takes. */
const MANY = Array.from({ length: 20 }, () => undefined);

/** Methods that are not for users, or whose arguments are those of Node's streams. */
const NOT_PUBLIC = new Set(
  [
    'constructor Command.start Command.snapshot Helper.start Helper.startDedicated Helper.canOpenPipes Helper.greeting',
    'Helper.runOnce Helper.retireForeign Helper.connect Child.neglectPipes Child.closePipes Child.feedInput Child.hold Child.inputStream Child.outputStream Command.run Command.takeInput Command.mapped',
    'PipeReader._read PipeReader._destroy PipeReader.events',
    'PipeWriter._write PipeWriter._writev PipeWriter.writeBlock PipeWriter._final PipeWriter._destroy',
  ]
    .join(' ')
    .split(' '),
);

/** Takes as many arguments as it gets. */
const VARIADIC = new Set(['Command.unshare', 'step.syscall']);

/** Made by the package alone. */
const NOT_CONSTRUCTED = new Set([
  ...[
    'Child',
    'ExitError',
    'ExitStatus',
    'Fd',
    'PipeReader',
    'PipeWriter',
    'Printer',
    'Stdio',
    'Style',
    'UnshareError',
  ],
]);

/** Every public function, by the name that its messages have. */
function publicCalls(): Map<string, (list: unknown[]) => unknown> {
  const calls = new Map<string, (list: unknown[]) => unknown>();
  const add = (owner: string, holder: object, self: unknown) => {
    for (const name of Object.getOwnPropertyNames(holder)) {
      const value = Object.getOwnPropertyDescriptor(holder, name)!.value as unknown;
      const call = `${owner}.${name}`;
      if (typeof value !== 'function' || name === 'constructor' || NOT_PUBLIC.has(call) || VARIADIC.has(call))
        continue;
      calls.set(call, list => value.apply(self, list));
    }
  };
  for (const [name, value] of Object.entries(unshare) as [string, unknown][]) {
    if (typeof value === 'function' && /^[a-z]/.test(name)) {
      calls.set(name, list => value(...list));
    } else if (typeof value === 'function') {
      const type = value as unknown as { new (...list: unknown[]): unknown; prototype: object };
      add(name, type.prototype, Object.create(type.prototype));
      add(name, type, type);
      if (!NOT_CONSTRUCTED.has(name)) calls.set(`new ${name}`, list => new type(...list));
    } else if (name === 'step') {
      add(name, value as object, value);
    }
  }
  return calls;
}

async function failure(call: () => unknown): Promise<unknown> {
  try {
    await call();
  } catch (error) {
    return error;
  }
  return null;
}

async function assertTypeError(call: () => unknown, message: string | RegExp): Promise<void> {
  const error = await failure(call);
  assert.instance(error, TypeError, `${message}`);
  assert.match((error as Error).message, message);
}

const calls = publicCalls();

test('reflection finds the public calls', () => {
  for (const name of [
    'Command.arg',
    'Stdio.piped',
    'new Helper',
    'doctor',
    'step.result',
    'Child.kill',
    'Style.short',
  ]) {
    assert.ok(calls.has(name), name);
  }
  assert.ok(calls.size > 70, `${calls.size}`);
});

for (const [name, call] of calls) {
  test(`${name}() refuses more arguments than it takes`, async () => {
    await assertTypeError(
      () => call(MANY),
      new RegExp(`^${name.replace('.', '\\.')}\\(\\) takes (no argument|at most \\d)`),
    );
  });
}

test('promises reject, and all else throws', async () => {
  const extra = [{}, 1] as unknown as [];
  for (const method of ['spawn', 'status', 'output'] as const) {
    let promise: Promise<unknown> | null = null;
    assert.not.throws(() => {
      promise = command()[method](...extra);
    });
    await assertTypeError(() => promise, 'takes at most 1 argument, not 2');
  }
  assert.throws(() => new Command('/bin/true').statusSync(...extra), 'takes at most 1 argument, not 2');
});

test('a list and more than that is refused by unshare()', async () => {
  await assertTypeError(
    () => new Command('/bin/true').unshare(...([['pid'], 'net'] as never[])),
    'Command.unshare() takes at most 1 argument, not 2',
  );
});

const command = () => new Command('/bin/true');

/** Every call that takes options, with the options as its only argument. */
const WITH_OPTIONS: Record<string, (options: never) => unknown> = {
  'Command.spawn': options => command().spawn(options),
  'Command.status': options => command().status(options),
  'Command.output': options => command().output(options),
  'Command.statusSync': options => command().statusSync(options),
  'Command.outputSync': options => command().outputSync(options),
  'Command.find': options => Command.find('true', options),
  'Stdio.file': options => unshare.Stdio.file('/dev/null', options),
  'Fd.readFile': options => unshare.Fd.readFile('/dev/null', options),
  'Fd.writeFile': options => unshare.Fd.writeFile('/dev/null', options),
  'Child.signal': options => unshare.Child.prototype.signal.call({} as never, 9, options),
  'Child.kill': options => unshare.Child.prototype.kill.call({} as never, options),
  'new Helper': options => new Helper(options),
  childEvents: options => childEvents(options),
  doctor: options => doctor(options),
};

test('the calls with options are those of the types', () => {
  const declarations = (directory: string): string[] =>
    readdirSync(directory, { withFileTypes: true }).flatMap(entry => {
      const name = path.join(directory, entry.name);
      if (entry.isDirectory()) return declarations(name);
      return entry.name.endsWith('.d.ts') && entry.name !== 'messages.d.ts'
        ? [readFileSync(name, 'utf8')]
        : [];
    });
  const found = declarations(path.join(packageRoot, 'dist/client')).flatMap(text => {
    const owner = /class (\w+)/.exec(text)?.[1];
    return [...text.matchAll(/(\w+)\((?:[^)]*, )?options\?: /g)].map(([, name]) => {
      if (name === 'constructor') return `new ${owner}`;
      return new RegExp(`function ${name}\\(`).test(text) ? name! : `${owner}.${name}`;
    });
  });
  assert.equal([...new Set(found)].sort(), Object.keys(WITH_OPTIONS).sort());
});

for (const [name, call] of Object.entries(WITH_OPTIONS)) {
  const given = (options: unknown) => () => call(options as never);
  const inMessage = name.replace('.', '\\.');

  test(`${name}() refuses an unknown option, also one that is undefined, inherited or of another realm`, async () => {
    const message = new RegExp(`^${inMessage}\\(\\) has no option "colour": it has "`);
    const foreign = runInNewContext('({ colour: 1 })');
    for (const options of [{ colour: 1 }, { colour: undefined }, Object.create({ colour: 1 }), foreign]) {
      await assertTypeError(given(options), message);
    }
  });

  test(`${name}() refuses options that are no object`, async () => {
    for (const options of [null, 1, 'x', [], () => {}, true]) {
      await assertTypeError(
        given(options),
        new RegExp(`^the options of ${inMessage}\\(\\) must be an object`),
      );
    }
  });
}

test('a misspelt option is named together with the one that was meant', async () => {
  for (const [call, typo, meant] of [
    ['Command.output', 'timeOut', 'timeout'],
    ['Command.output', 'tiemout', 'timeout'],
    ['Command.outputSync', 'max_buffer', 'maxBuffer'],
    ['Command.spawn', 'killsignal', 'killSignal'],
    ['new Helper', 'subReaper', 'subreaper'],
    ['childEvents', 'singal', 'signal'],
    ['doctor', 'paths', 'path'],
  ] as const) {
    await assertTypeError(
      () => WITH_OPTIONS[call]!({ [typo]: 10 } as never),
      `${call}() has no option "${typo}": did you mean "${meant}"?`,
    );
  }
});

test("an option of Node's own calls is answered with the method to call", async () => {
  for (const [option, method] of [
    ['cwd', 'currentDir()'],
    ['env', 'env()'],
    ['stdio', 'stdin()'],
    ['uid', 'uid()'],
    ['shell', '/bin/sh'],
  ]) {
    const options = { [option!]: 'x' } as never;
    for (const call of [() => command().status(options), () => command().outputSync(options)]) {
      const error = (await failure(call)) as Error;
      assert.instance(error, TypeError);
      assert.ok(
        error.message.includes(`has no option "${option}": use `) && error.message.includes(method!),
        error.message,
      );
    }
  }
});

test('known options that are undefined, inherited or of another realm are taken', async () => {
  const helper = Helper.shared();
  const known = { helper, killSignal: undefined, signal: undefined, timeout: undefined };
  const inherited = Object.create(Object.create({ timeout: 60_000 }));
  const foreign = runInNewContext('({ timeout: 60000 })');
  const bare = Object.assign(Object.create(null), { timeout: 60_000 });
  for (const options of [undefined, {}, known, inherited, foreign, bare]) {
    assert.ok((await command().status(options)).success);
    assert.ok(command().statusSync(options).success);
  }
});

test('what a library adds to Object.prototype is no option', async () => {
  const prototype = Object.prototype as { colour?: number };
  prototype.colour = 1;
  try {
    assert.ok((await command().status({})).success);
  } finally {
    delete prototype.colour;
  }
});

test('refused before anything is started or read', async () => {
  const options = Object.defineProperty({ timeOut: 1 }, 'timeout', {
    get: () => assert.unreachable(),
    enumerable: true,
  });
  await assertTypeError(() => command().output(options as never), 'did you mean "timeout"?');
});

test('edit distances', () => {
  for (const [from, to, distance] of [
    ['', '', 0],
    ['', 'ab', 2],
    ['ab', 'ba', 1],
    ['kitten', 'sitting', 3],
    ['timeout', 'timeou', 1],
  ] as const) {
    assert.is(editDistance(from, to), distance, `${from} ${to}`);
  }
});

test('reapZombies() throws at the call', () => {
  assert.throws(() => (reapZombies as (x: number) => unknown)(1), 'reapZombies() takes no argument, not 1');
});

test('String(command) is the short display', () => {
  const shown = new Command('/bin/echo').args(['a b', '"']);
  assert.is(`${shown}`, '"echo" "a b" "\\""');
  assert.is(String(shown), String(shown.display(unshare.Style.short())));
});

test.run();
