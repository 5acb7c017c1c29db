import { Capability, type Command } from 'unshare';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { exists, packageRoot, rejection, rootMaps, runScript, runtimePath, shell, until } from './support';

const test = suite('capabilities');
const isRoot = process.geteuid!() === 0;

/** Bits, as the kernel has them. */
const NONE = BigInt(0);
const KILL = BigInt(1 << 5);
const NET_RAW = BigInt(1 << 13);

/** The five sets of a program, from the kernel. */
async function setsOf(prepare: (command: Command) => void): Promise<Record<string, bigint>> {
  const command = shell('grep Cap /proc/self/status');
  prepare(command);
  const { status, stdout, stderr } = await command.output();
  assert.ok(status.success, `${status}: ${stderr}`);
  const lines = stdout.toString().trim().split('\n');
  return Object.fromEntries(lines.map(line => [line.slice(3, 6), BigInt(`0x${line.split('\t')[1]}`)]));
}

/** Commands that may do it: as root, and in a user namespace of their own. */
const places: [string, (command: Command) => Command][] = [
  ['in a user namespace', command => command.unshare('user').setIdMaps(...rootMaps())],
];
if (isRoot) places.push(['as root', command => command]);

for (const [where, place] of places) {
  test(`keepCaps ${where}: uid 0 has these in every set, and no other`, async () => {
    const sets = await setsOf(command =>
      place(command).keepCaps([Capability.CAP_NET_RAW, Capability.CAP_KILL]),
    );
    const kept = NET_RAW | KILL;
    assert.equal(sets, { Inh: kept, Prm: kept, Eff: kept, Bnd: kept, Amb: kept });
  });

  test(`keepCaps ${where}: an empty set leaves nothing, to uid 0 either`, async () => {
    const sets = await setsOf(command => place(command).keepCaps([]));
    assert.equal(sets, { Inh: NONE, Prm: NONE, Eff: NONE, Bnd: NONE, Amb: NONE });
  });
}

test(
  'keepCaps with another uid and gid: they outlive the change',
  async () => {
    const sets = await setsOf(command => command.keepCaps(['CAP_NET_RAW']).uid(61234).gid(61234));
    assert.equal(sets, { Inh: NET_RAW, Prm: NET_RAW, Eff: NET_RAW, Bnd: NET_RAW, Amb: NET_RAW });
  },
  { skip: !isRoot && 'only root changes its uid' },
);

test(
  'another uid without keepCaps: none are left',
  async () => {
    const sets = await setsOf(command => command.uid(61234).gid(61234));
    assert.equal([sets.Prm, sets.Eff, sets.Amb], [NONE, NONE, NONE]);
  },
  { skip: !isRoot && 'only root changes its uid' },
);

test('every capability that the kernel has can be kept', async () => {
  const all = await setsOf(command => command.unshare('user').setIdMaps(...rootMaps()));
  const sets = await setsOf(command =>
    command
      .unshare('user')
      .setIdMaps(...rootMaps())
      .keepCaps(Object.values(Capability)),
  );
  assert.is(sets.Amb, all.Prm);
  assert.is(sets.Bnd, all.Bnd);
});

test(
  'the bounding set cannot shrink without CAP_SETPCAP',
  async () => {
    const error = await rejection(shell('true').keepCaps([]).spawn());
    assert.equal([error.stage, error.code, error.item], ['CapSet', 'EPERM', 'bounding']);
  },
  { skip: isRoot && 'root has CAP_SETPCAP' },
);

test(
  'inheritable capabilities are not passed on',
  async () => {
    const script = `
      const { readFileSync } = require('fs');
      const { Command } = require(${JSON.stringify(packageRoot)});
      const own = readFileSync('/proc/self/status', 'utf8').match(/CapInh:.*/)[0];
      new Command('/bin/grep').args(['CapInh', '/proc/self/status']).output()
        .then(({ stdout }) => console.log(own + '\\n' + stdout));`;
    const client = 'exec setpriv --inh-caps=+net_raw "$0" -e "$1"';
    const { stdout } = await shell(client).args([runtimePath, script]).output();
    const [own, programs] = stdout.toString().trim().split('\n');
    assert.is(own, `CapInh:\t${NET_RAW.toString(16).padStart(16, '0')}`);
    assert.is(programs, `CapInh:\t${'0'.repeat(16)}`);
  },
  { skip: !isRoot && 'only root has capabilities to inherit' },
);

test(
  'groups: the supplementary groups are these',
  async () => {
    const { stdout } = await shell('id -G').groups([5, 61111]).output();
    assert.equal(stdout.toString().trim().split(' ').slice(1).map(Number), [5, 61111]);
  },
  { skip: !isRoot && 'only root sets groups' },
);

test(
  'groups without the privilege are refused',
  async () => {
    const error = await rejection(shell('true').groups([5]).spawn());
    assert.equal([error.stage, error.code, error.item], ['SetUser', 'EPERM', 'groups']);
  },
  { skip: isRoot && 'root has the privilege' },
);

test(
  'the parent death signal holds after keepCaps and ids',
  async () => {
    const script = `
    new unshare.Command('/bin/sleep').arg('100').uid(61234).gid(61234).keepCaps([]).stdin('null').spawn()
      .then(child => { console.log(child.pid); process.kill(process.pid, 'SIGKILL'); });`;
    const { stdout } = await runScript(script);
    await until('the program is gone', () => !exists(Number(stdout)));
  },
  { skip: !isRoot && 'only root changes its uid' },
);

test.run();
