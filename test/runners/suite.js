// A small suite over the package, as its users write them; run.mjs runs it.
const { Readable } = require('stream');
const { runInNewContext } = require('vm');
const unshare = require('unshare');

const { Command, Fd, Stdio, Style, UnshareError, step } = unshare;
const cat = () => new Command('/bin/cat');

test('output, and its errors', async () => {
  const { status, stdout } = await new Command('/bin/echo').arg(new Uint8Array([104, 105])).output();
  expect(String(status)).toBe('exit status: 0');
  expect(String(stdout)).toBe('hi\n');
  const error = await new Command('/missing').status().catch(reason => reason);
  expect(error).toBeInstanceOf(UnshareError);
  expect([error.stage, error.code]).toEqual(['Exec', 'ENOENT']);
});

test('input of this realm and of others', async () => {
  const foreign = runInNewContext('new Uint8Array([104, 105])');
  const inputs = [
    'hi',
    Buffer.from('hi'),
    new Uint8Array([104, 105]),
    new Uint16Array([0x6968]),
    foreign,
    ['h', 'i'],
  ];
  for (const input of inputs) expect(String((await cat().output({ input })).stdout)).toBe('hi');
  expect(String((await cat().output({ input: Readable.from(['h', 'i']) })).stdout)).toBe('hi');
  for (const input of inputs.slice(0, 5)) expect(String(cat().outputSync({ input }).stdout)).toBe('hi');
  await expect(cat().output({ input: [{}] })).rejects.toThrow('chunk 0 of options.input');
});

test('pipes, signals and events', async () => {
  const child = await cat().stdin('piped').stdout(Stdio.piped()).spawn();
  child.stdin.write(new Uint8Array([97]));
  child.stdin.end('b');
  expect(await child.stdout.text()).toBe('ab');
  expect((await child.wait()).success).toBe(true);
  const other = await new Command('/bin/sleep').arg('60').spawn();
  await other.signal('SIGTERM');
  expect((await other.wait()).signal).toBe('SIGTERM');
});

test('abort signals, timeouts and synchronous calls', async () => {
  const controller = new AbortController();
  const aborted = new Command('/bin/sleep').arg('60').status({ signal: controller.signal });
  controller.abort();
  await expect(aborted).rejects.toBeDefined();
  const late = new Command('/bin/sleep').arg('60').output({ timeout: 50 });
  await expect(late).rejects.toMatchObject({ code: 'ETIMEDOUT' });
  expect(new Command('/bin/true').statusSync().success).toBe(true);
});

test('URLs, descriptors and styles', async () => {
  const command = new Command(new URL('file:///bin/true'))
    .fileDescriptor(3, Fd.writeNull())
    .currentDir(new URL('file:///'));
  command.preExec([step.syscall('getpid')]);
  expect((await command.status()).success).toBe(true);
  expect(String(command.display(Style.short()))).toBe('"true"');
});
