import {
  closeSync,
  constants,
  fstatSync,
  mkdirSync,
  openSync,
  promises,
  readFileSync,
  readSync,
  writeFileSync,
  writeSync,
} from 'fs';
import { type AddressInfo, connect, createServer } from 'net';
import * as path from 'path';
import { Command, Fd, Helper, Stdio } from 'unshare';
import * as assert from 'uvu/assert';
import { runtime } from '../client/runtime';
import { suite } from './harness';
import { makeScratch } from './scratch';
import {
  childrenOf,
  exists,
  packageRoot,
  rejection,
  runScript,
  runtimePath,
  shell,
  stateOf,
  until,
  withoutDescriptors,
  withoutListeners,
} from './support';

const test = suite('files');
const scratch = makeScratch();

let count = 0;

/** A file with this text, opened. */
function openFile(text: string, flags: string | number = 'r'): number {
  count += 1;
  const file = path.join(scratch, `file-${count}`);
  writeFileSync(file, text);
  return openSync(file, flags);
}

function isOpen(descriptor: number): boolean {
  try {
    fstatSync(descriptor);
    return true;
  } catch {
    return false;
  }
}

async function textOf(command: Command, options = {}): Promise<string> {
  const { status, stdout, stderr } = await command.output(options);
  assert.ok(status.success, `${status}: ${stderr}`);
  return stdout.toString();
}

test('dupFile: the program shares the offset, and the file stays open', async () => {
  const file = openFile('0123456789');
  assert.is(await textOf(shell('dd bs=1 count=4 status=none').stdin(Stdio.dupFile(file))), '0123');
  const rest = Buffer.alloc(10);
  assert.is(readSync(file, rest, 0, 10, null), 6);
  assert.is(rest.toString('utf8', 0, 6), '456789');
  closeSync(file);
});

test('dupFile: the program shares the flags', async () => {
  const file = openFile('start\n', 'a+');
  const command = shell('echo a line; exec cat <&5 >/dev/null').stdout(Stdio.dupFile(file));
  for (let time = 0; time < 2; time += 1) {
    assert.ok((await command.fileDescriptor(5, Fd.readNull()).status()).success);
    // Not where the client writes to the file, but at its end.
    writeSync(file, 'mine\n', 0);
  }
  const { fd } = await promises.open(`/proc/self/fd/${file}`, 'r').then(async handle => {
    assert.is((await handle.readFile()).toString(), 'start\na line\nmine\na line\nmine\n');
    await handle.close();
    return handle;
  });
  assert.is(fd, -1);
  closeSync(file);
});

test('a directory, a FileHandle, an object with fd, and an unlinked file in memory', async () => {
  const directory = path.join(scratch, 'directory');
  mkdirSync(directory);
  writeFileSync(path.join(directory, 'entry'), '');
  const opened = openSync(directory, 'r');
  const handle = await promises.open('/proc/version', 'r');
  const temporaryFile = 0o20000000 | constants.O_DIRECTORY; // O_TMPFILE, man 2 open
  const memory = openSync('/dev/shm', temporaryFile | constants.O_RDWR, 0o600);
  writeSync(memory, 'from memory', 0);
  const command = shell('ls /proc/self/fd/7/; cat <&8; cat /proc/self/fd/9')
    .fileDescriptor(7, Fd.dupFile({ fd: opened }))
    .fileDescriptor(8, Fd.dupFile(handle))
    .fileDescriptor(9, Fd.dupFile(memory));
  assert.is(await textOf(command), `entry\n${readFileSync('/proc/version')}from memory`);
  await handle.close();
  closeSync(opened);
  closeSync(memory);
});

test('Fd.inherit is the descriptor of the same number', async () => {
  const file = openFile('inherited');
  const command = shell(`cat /proc/self/fd/${file}`).fileDescriptor(file, Fd.inherit());
  assert.is(await textOf(command), 'inherited');
  assert.ok(isOpen(file));
  closeSync(file);
});

test('numbers in every order', async () => {
  const files = ['a', 'b', 'c', 'd', 'e', 'f'].map(text => openFile(text));
  // The helper has them from 4 on, in the order of the calls: each goes where another one is.
  const numbers = [9, 8, 7, 6, 5, 4];
  const command = shell(numbers.map(number => `cat /proc/self/fd/${number}`).join('; '));
  for (const [index, file] of files.entries()) command.fileDescriptor(numbers[index]!, Fd.dupFile(file));
  assert.is(await textOf(command), 'abcdef');
  for (const file of files) closeSync(file);
});

test('the same file for several numbers; Deno cannot, and the error says so', async () => {
  const file = openFile('b');
  const both = shell('cat /proc/self/fd/0 /proc/self/fd/3')
    .stdin(Stdio.dupFile(file))
    .fileDescriptor(3, Fd.dupFile(file));
  if (runtime === 'deno') {
    const { stage, item, message } = await rejection(both.output());
    assert.equal([stage, item], ['StdioError', '3']);
    assert.match(message, `Deno hands over descriptor ${file} of the client only once`);
    assert.throws(
      () => both.outputSync(),
      (error: Error) => error.message === message,
    );
  } else {
    assert.is(await textOf(both), 'bb');
    assert.is(both.outputSync().stdout.toString(), 'bb');
  }
  closeSync(file);
});

test('low numbers of the client, which it may have been started with; what a runtime would lose or mix up is refused', async () => {
  const client = `
    const { Command, Fd } = require(${JSON.stringify(packageRoot)});
    const said = async number => {
      const command = new Command('/bin/cat').arg('/proc/self/fd/7').fileDescriptor(7, Fd.dupFile(number));
      try { return String((await command.output()).stdout); } catch ({ stage, message }) { return stage + ' ' + message; }
    };
    (async () => { for (const number of [0, 3, 4, 60]) console.log(await said(number)); })();`;
  const given = ['a', 'b', 'c', 'd'].map(text => {
    const file = path.join(scratch, `low-${text}`);
    writeFileSync(file, text);
    return file;
  });
  const { stdout, stderr } = await new Command('/bin/bash')
    .args(['-c', 'exec "$4" -e "$5" < "$0" 3< "$1" 4< "$2" 60< "$3"', ...given, runtimePath, client])
    .stdin('null')
    .output();
  const refused = (reason: string) => `StdioError cannot set up descriptor 7: ${reason}`;
  const mixedUp = (number: number) =>
    refused(`Deno would mix up descriptor ${number} of the client with another one`);
  const expected = {
    node: ['a', 'b', 'c', 'd'],
    bun: [refused('Bun hands over descriptor 0 of the client at its own number only'), 'b', 'c', 'd'],
    deno: [mixedUp(0), mixedUp(3), mixedUp(4), 'd'],
  };
  assert.equal([stderr.toString(), stdout.toString().trimEnd().split('\n')], ['', expected[runtime]]);
});

test('the program has what was configured, and nothing else', async () => {
  const file = openFile('');
  const other = openFile('');
  const { descriptors } = await stateOf(command => {
    command
      .fileDescriptor(6, Fd.dupFile(file))
      .fileDescriptor(12, Fd.pipedWrite())
      .fileDescriptor(20, Fd.dupFile(other));
  });
  assert.equal(
    descriptors.map(({ number }) => number),
    [0, 1, 2, 6, 12, 20],
  );
  closeSync(file);
  closeSync(other);
});

test('in new namespaces, joined ones and with a new root as well', async () => {
  const file = openFile('carried');
  const isRoot = process.geteuid!() === 0;
  const own = (id: number) => ({ outside: id, count: 1 });
  const prepare = (command: Command) =>
    command
      .unshare('user', 'pid', 'mount', 'time')
      .setIdMaps(
        [{ insideUid: 0, outsideUid: own(process.geteuid!()).outside, count: 1 }],
        [{ insideGid: 0, outsideGid: own(process.getegid!()).outside, count: 1 }],
      );
  assert.is(await textOf(prepare(shell('cat <&7').fileDescriptor(7, Fd.dupFile(file)))), 'carried');
  if (isRoot) {
    const again = openFile('joined');
    const joining = shell('cat <&7')
      .setNamespace('/proc/self/ns/uts', 'uts')
      .fileDescriptor(7, Fd.fromFile(again));
    assert.is(await textOf(joining), 'joined');
  }
  closeSync(file);
});

for (const [what, number, prepare] of [
  ['dupFile', '5', (command: Command, file: number) => command.fileDescriptor(5, Fd.dupFile(file))],
  ['fromFile', 'stdin', (command: Command, file: number) => command.stdin(Stdio.fromFile(file))],
  ['inherit', '900', (command: Command) => command.fileDescriptor(900, Fd.inherit())],
] as const) {
  test(`${what} of a descriptor that is closed rejects, naming it`, async () => {
    const file = openFile('');
    const command = prepare(shell('true'), file);
    closeSync(file);
    const error = await rejection(command.spawn());
    assert.equal([error.stage, error.code, error.item], ['StdioError', 'EBADF', number]);
    assert.match(error.hint!, 'closed');
  });
}

test('a FileHandle that is closed rejects as well', async () => {
  const handle = await promises.open('/proc/version', 'r');
  const command = shell('true').stdin(Stdio.dupFile(handle));
  await handle.close();
  const error = await rejection(command.spawn());
  assert.equal([error.stage, error.code], ['StdioError', 'EBADF']);
});

for (const program of ['/bin/true', '/missing']) {
  test(`fromFile closes the file, and once: ${program}`, async () => {
    const file = openFile('');
    const command = new Command(program).stdin(Stdio.fromFile(file));
    await command.status().catch(() => {});
    assert.not(isOpen(file));
    const other = openFile('');
    // It has the number now.
    assert.is(other, file);
    const error = await rejection(command.status());
    assert.equal([error.stage, error.code, error.item], ['StdioError', 'EBADF', 'stdin']);
    assert.match(error.hint!, 'given away');
    assert.ok(isOpen(other));
    closeSync(other);
  });
}

test('fromFile closes a FileHandle by its own method', async () => {
  const handle = await promises.open('/proc/version', 'r');
  await shell('true').stdin(Stdio.fromFile(handle)).status();
  await until('it is closed', () => handle.fd === -1);
});

test('fromFile closes the file where another one of the command is closed already', async () => {
  const file = openFile('');
  const command = shell('true').fileDescriptor(3, Fd.dupFile(9999)).fileDescriptor(4, Fd.fromFile(file));
  assert.is((await rejection(command.spawn())).item, '3');
  assert.not(isOpen(file));
});

test(
  'a pipe between two programs: the second is at its end when the first is',
  async () => {
    const first = await shell('echo through; sleep 0.2').stdout('piped').spawn();
    const command = shell('cat; echo end').stdin(Stdio.fromFile(first.stdout!.intoFd()));
    assert.is(await textOf(command), 'through\nend\n');
    const second = await shell('cat').stdin('piped').stdout('piped').spawn();
    const writer = shell('echo written').stdout(Stdio.fromFile(second.stdin!.intoFd()));
    assert.ok((await writer.status()).success);
    // Nobody but the program that has ended could have written more.
    assert.is(await second.stdout!.text(), 'written\n');
    const third = await shell('cat').stdin('piped').stdout('piped').spawn();
    const closing = await shell('echo closed; exec >&-; exec sleep 100')
      .stdout(Stdio.fromFile(third.stdin!.intoFd()))
      .spawn();
    // Nor its helper, while it lives on.
    assert.is(await third.stdout!.text(), 'closed\n');
    await closing.kill();
    await closing.wait();
    await Promise.all([first.wait(), second.wait()]);
  },
  { skip: withoutDescriptors },
);

test(
  'a listening socket, as systemd hands it over',
  async () => {
    const server = createServer();
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
    const program = `
    if (process.env.LISTEN_FDS !== '1' || Number(process.env.LISTEN_PID) !== process.pid) process.exit(3);
    require('net').createServer(socket => socket.end('hello from ' + process.pid, () => process.exit(0)))
      .listen({ fd: 3 });`;
    const child = await new Command(runtimePath)
      .args(['-e', program])
      .env('LISTEN_FDS', '1')
      .envVarWithPid('LISTEN_PID')
      .fileDescriptor(3, Fd.dupFile(fd))
      .spawn();
    server.close();
    const socket = connect(port, '127.0.0.1');
    const said = await new Promise<string>((resolve, reject) => {
      let text = '';
      socket.on('data', chunk => {
        text += chunk;
      });
      socket.on('end', () => resolve(text));
      socket.on('error', reject);
    });
    assert.is(said, `hello from ${child.pid}`);
    assert.is((await child.wait()).code, 0);
  },
  { skip: withoutListeners },
);

test('a terminal', async () => {
  const client = `
    const { Command, Fd } = require(${JSON.stringify(packageRoot)});
    const fs = require('fs');
    const terminal = fs.openSync(fs.readlinkSync('/proc/self/fd/0'), 'r+');
    new Command('/bin/sh').args(['-c', 'test -t 5 && tty <&5']).fileDescriptor(5, Fd.dupFile(terminal)).stdout('piped').stderr('piped')
      .output().then(({ status, stdout }) => console.log(String(status), String(stdout)));`;
  const quoted = [runtimePath, '-e', client].map(word => `'${word.replace(/'/g, "'\\''")}'`).join(' ');
  const { stdout } = await new Command('/usr/bin/script')
    .args(['-qec', quoted, '/dev/null'])
    .stdin('null')
    .output();
  assert.match(stdout.toString(), /exit status: 0 \/dev\/pts\/\d+/);
});

test('64 descriptors are taken, and 65 refused', async () => {
  const files = Array.from({ length: 64 }, () => openFile('x'));
  const command = shell('ls /proc/self/fd | wc -l');
  for (let number = 3; number < 64; number += 1)
    command.fileDescriptor(number, Fd.dupFile(files[number - 3]!));
  // With standard input, output and error, and the one by which `ls` reads the directory.
  assert.is((await textOf(command)).trim(), '65');
  // On Deno, standard output and error do not count: they are the helper's own.
  const last = runtime === 'deno' ? 66 : 64;
  for (let number = 64; number <= last; number += 1)
    command.fileDescriptor(number, Fd.dupFile(files[number - 3]!));
  assert.is((await rejection(command.output())).stage, 'Limit');
  for (const file of files) closeSync(file);
});

test('its helper ends with its child, or with the failure', async () => {
  const file = openFile('');
  const helper = new Helper();
  const child = await shell('sleep 100').fileDescriptor(5, Fd.dupFile(file)).spawn({ helper });
  const parent = Number(/^PPid:\t(\d+)$/m.exec(readFileSync(`/proc/${child.pid}/status`, 'utf8'))![1]);
  // The helper for all commands was not needed.
  assert.is(helper.pid, null);
  await child.kill();
  await child.wait();
  await until('the helper has ended', () => !exists(parent));
  const before = childrenOf(process.pid).length;
  await rejection(new Command('/missing').fileDescriptor(5, Fd.dupFile(file)).spawn({ helper }));
  await until('the helper has ended', () => childrenOf(process.pid).length <= before);
  await helper.close();
  closeSync(file);
});

test('Helper.close ends these helpers too', async () => {
  const file = openFile('');
  const helper = new Helper();
  const child = await shell('sleep 100').fileDescriptor(5, Fd.dupFile(file)).spawn({ helper });
  await helper.close();
  assert.is((await rejection(child.wait())).stage, 'Helper');
  await until('the child is gone', () => !exists(child.pid));
  closeSync(file);
});

test('a script that awaited such a child ends by itself', async () => {
  const { code, stdout, stderr, durationMs } = await runScript(`
    const { Command, Fd } = unshare;
    const file = require('fs').openSync('/proc/version', 'r');
    new Command('/bin/true').fileDescriptor(3, Fd.dupFile(file)).status().then(status => console.log(String(status)));`);
  assert.equal([code, stdout, stderr], [0, 'exit status: 0\n', '']);
  assert.ok(durationMs < 5000);
});

test('what is no file is refused at once', () => {
  for (const wrong of ['3', null, undefined, {}, { fd: '3' }] as unknown as number[]) {
    for (const make of [Stdio.dupFile, Stdio.fromFile, Fd.dupFile, Fd.fromFile]) {
      assert.throws(
        () => make(wrong),
        (error: Error) => error instanceof TypeError && /^file must be/.test(error.message),
      );
    }
  }
  for (const wrong of [-1, 1.5, 2 ** 31]) {
    assert.throws(
      () => Stdio.dupFile(wrong),
      (error: Error) => error instanceof RangeError && /^file must be/.test(error.message),
    );
  }
});

test('display shows them', () => {
  const command = new Command('/a')
    .stdin(Stdio.dupFile(7))
    .fileDescriptor(5, Fd.fromFile({ fd: 8 }))
    .fileDescriptor(6, Fd.inherit())
    .envClear();
  assert.match(require('util').inspect(command), 'stdin=dup-file 7; fd 5=from-file 8; fd 6=inherit');
});

test.run();
