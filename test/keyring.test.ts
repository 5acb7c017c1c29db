import { Command, step } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { packageRoot, rootMaps, runtimePath, shell } from './support';
import { helperWithout, withoutStrace } from './wrapped-helper';

const test = suite('session keyring');

const KEYCTL_JOIN_SESSION_KEYRING = 1;
const KEYCTL_SEARCH = 10;
const KEY_SPEC_SESSION_KEYRING = -3;

/** What a client prints that has a session keyring with a key in it. */
async function clientPrints(code: string): Promise<string> {
  const prelude = `
    const { Command, Fd, step } = require(${JSON.stringify(packageRoot)});
    const search = step.syscall('keyctl', ${KEYCTL_SEARCH}, ${KEY_SPEC_SESSION_KEYRING}, 'user', 'ticket', 0);
    const inside = command => command.unshare('user', 'pid', 'mount', 'ipc').keepCaps([])
      .setIdMaps([{ insideUid: 0, outsideUid: process.getuid(), count: 1 }], [{ insideGid: 0, outsideGid: process.getgid(), count: 1 }]);
    const seeking = () => new Command('/bin/true').preExec([search]);
    const tell = promise => promise.then(status => console.log(String(status)), error => console.log(error.stage, error.code));
    const tellNow = call => { try { console.log(String(call())); } catch (error) { console.log(error.stage, error.code); } };
  `;
  const { stdout, stderr } = await new Command(runtimePath)
    .args(['-e', `${prelude}(async () => {${code}})();`])
    .preExec([
      step.syscall('keyctl', KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0),
      step.syscall('add_key', 'user', 'ticket', Buffer.from('secret'), 6, KEY_SPEC_SESSION_KEYRING),
    ])
    .output();
  assert.is(stderr.toString(), '');
  return stdout.toString();
}

const join = new Command('/bin/true').preExec([
  step.syscall('keyctl', KEYCTL_JOIN_SESSION_KEYRING, 0, 0, 0, 0),
]);

/** Containers often refuse it. */
async function withoutKeyrings(): Promise<boolean> {
  return join.status().then(
    () => false,
    () => true,
  );
}

const found = 'exit status: 0\n';
const hidden = 'PreExec ENOKEY\n';

for (const [what, call, expected] of [
  ['a plain command has it', 'await tell(seeking().status())', found],
  ['a plain command in its own session has it', 'await tell(seeking().newSession().status())', found],
  ['a separate command does not', 'await tell(inside(seeking()).status())', hidden],
  [
    'nor with the session of the client',
    'await tell(inside(seeking()).newSession(false).makeGroupLeader(false).status())',
    hidden,
  ],
  ['nor one in a time namespace', "await tell(inside(seeking()).unshare('time').status())", hidden],
  [
    'nor one with its own helper',
    "await tell(inside(seeking()).fileDescriptor(9, Fd.dupFile(require('fs').openSync('/dev/null'))).status())",
    hidden,
  ],
  ['nor one of a synchronous call', 'tellNow(() => inside(seeking()).statusSync())', hidden],
] as const) {
  test(`a key of the client: ${what}`, async () => {
    if (await withoutKeyrings()) return;
    assert.is(await clientPrints(call), expected);
  });
}

test('two separate commands have different session keyrings', async () => {
  if (await withoutKeyrings()) return;
  const printed = await clientPrints(`
    const add = step.syscall('add_key', 'user', 'ticket', Buffer.from('x'), 1, ${KEY_SPEC_SESSION_KEYRING});
    const first = await inside(new Command('/bin/sleep').arg('60')).preExec([add, search]).spawn();
    await tell(inside(seeking()).status());
    await first.kill();`);
  assert.is(printed, hidden);
});

for (const code of ['EDQUOT', 'ENOSYS', 'EPERM']) {
  test(
    `keyctl fails with ${code}: the command runs all the same`,
    async () => {
      const helper = helperWithout('keyctl', code);
      const { status } = await shell('true')
        .unshare('user')
        .setIdMaps(...rootMaps())
        .output({ helper });
      assert.ok(status.success);
      await helper.close();
    },
    { skip: withoutStrace },
  );
}

test.run();
