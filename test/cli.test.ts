import { spawn, spawnSync } from 'child_process';
import { readFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { packageRoot, runtimePath, until } from './support';

const test = suite('unshare run');
const cli = path.join(packageRoot, 'dist/client/cli.js');

function run(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(runtimePath, [cli, ...args], { encoding: 'utf8' });
  return { status, stdout, stderr };
}

test('a shell that is root and pid 1 in namespaces of its own', () => {
  const script = 'id -u; id -g; echo $$; readlink /proc/self/ns/uts';
  const { status, stdout, stderr } = run(
    ...['run', '--unshare', 'user,pid,uts', '--map-root', '--', '/bin/sh', '-c', script],
  );
  assert.is(stderr, '');
  assert.is(status, 0);
  assert.match(stdout, /^0\n0\n1\nuts:/);
});

test('the exit code is that of the program', () => {
  assert.is(run('run', '/bin/sh', '-c', 'exit 200').status, 200);
});

test('a signal is 128 and its number', () => {
  assert.is(run('run', '/bin/sh', '-c', 'kill -9 $$').status, 137);
});

test('a program that is not there is 127, and the sentence of the error', () => {
  const { status, stderr } = run('run', '/nowhere/program');
  assert.is(status, 127);
  assert.match(stderr, 'cannot execute "/nowhere/program": No such file or directory');
});

test('a program that cannot be executed is 126', () => {
  const { status, stderr } = run('run', '/etc/passwd');
  assert.is(status, 126);
  assert.match(stderr, 'Permission denied');
});

test('a bare name is looked up in PATH', () => {
  assert.is(run('run', 'sh', '-c', 'echo found').stdout, 'found\n');
  assert.is(run('run', 'no-such-program-anywhere').status, 127);
});

test('an empty component of PATH is the working directory, that of --chdir', () => {
  for (const searchPath of ['', ':/nowhere', '/nowhere:']) {
    const found = run('run', '--env', `PATH=${searchPath}`, '--chdir', '/bin', 'sh', '-c', 'echo found');
    assert.is(found.stdout, 'found\n');
  }
});

test("the program's arguments are never touched", () => {
  const odd = ['--help', '--uid', '--', '-', '', 'a b', '$HOME'];
  const { stdout } = run('run', '/bin/sh', '-c', 'for a in "$0" "$@"; do echo "[$a]"; done', ...odd);
  assert.equal(
    stdout.trimEnd().split('\n'),
    odd.map(argument => `[${argument}]`),
  );
});

test('--chdir, --env and --clear-env', () => {
  const { stdout } = run(
    'run',
    '--clear-env',
    '--env',
    'A=b=c',
    '--chdir',
    '/usr',
    '/bin/sh',
    '-c',
    'pwd; echo $A; echo $HOME',
  );
  assert.is(stdout, '/usr\nb=c\n\n');
});

test(
  '--uid and --gid',
  () => {
    assert.is(
      run('run', '--uid', '61235', '--gid', '61236', '/bin/sh', '-c', 'id -u; id -g').stdout,
      '61235\n61236\n',
    );
  },
  { skip: process.geteuid!() === 0 ? false : 'another id needs root' },
);

test('standard input is inherited', () => {
  const { stdout } = spawnSync(runtimePath, [cli, 'run', '/bin/cat'], {
    input: 'through',
    encoding: 'utf8',
  });
  assert.is(stdout, 'through');
});

test('SIGTERM goes on to the program', async () => {
  const child = spawn(runtimePath, [
    cli,
    'run',
    '/bin/sh',
    '-c',
    'trap "exit 7" TERM; echo up; while :; do sleep 0.01; done',
  ]);
  const closed = new Promise(resolve => child.once('close', resolve));
  let text = '';
  child.stdout.on('data', chunk => {
    text += chunk;
  });
  await until('the program runs', () => text === 'up\n');
  // Deno's `child.kill` makes it the cause of the end, whatever that was.
  process.kill(child.pid!, 'SIGTERM');
  assert.is(await closed, 7);
});

test('bad usage is told, and where the help is', () => {
  const { status, stderr } = run('run', '--no-such-option', '/bin/true');
  assert.is(status, 2);
  assert.match(stderr, '--no-such-option');
  assert.match(stderr, '--help');
});

test('--help and --version', () => {
  const { status, stdout } = run('--help');
  assert.is(status, 0);
  assert.match(stdout, 'unshare-js doctor [--json]');
  for (const option of ['--unshare', '--map-root', '--uid', '--gid', '--chdir', '--env', '--clear-env']) {
    assert.match(stdout, option);
  }
  const { version } = JSON.parse(readFileSync(path.join(packageRoot, 'package.json'), 'utf8'));
  assert.match(run('--version').stdout, version);
});

test.run();
