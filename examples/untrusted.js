// Runs a shell script that nobody trusts: it sees no other process and no network, writes no file, becomes nobody else,
// and has two seconds, 256 MiB and 1 MiB of output.
//   node examples/untrusted.js 'id; ps; echo x > /tmp/file'
const { Command, step, PR_SET_NO_NEW_PRIVS, MS_NOSUID, MS_NODEV, MS_NOEXEC } = require('unshare');

const RLIMIT_AS = 9;
/** All that changes files (LANDLOCK_ACCESS_FS_… in linux/landlock.h): what no rule allows is refused. */
const WRITE_ACCESS = 0x1ff2n;

const bytesOf = (...numbers) => new Uint8Array(BigUint64Array.from(numbers).buffer);
const memory = 256n << 20n;

const command = new Command('/bin/sh')
  .args(['-c', process.argv[2] || 'id; echo hello'])
  .envClear()
  .env('PATH', '/usr/bin:/bin')
  .currentDir('/')
  .unshare('user', 'pid', 'mount', 'net', 'ipc', 'uts', 'cgroup')
  .setIdMaps(
    [{ insideUid: 1000, outsideUid: process.getuid(), count: 1 }],
    [{ insideGid: 1000, outsideGid: process.getgid(), count: 1 }],
  )
  .preExec([
    step.syscall('mount', 'proc', '/proc', 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, 0),
    step.syscall('prctl', PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0),
    step.syscall('prlimit64', 0, RLIMIT_AS, bytesOf(memory, memory), 0),
    step.syscall('landlock_create_ruleset', bytesOf(WRITE_ACCESS), 8, 0),
    step.syscall('landlock_restrict_self', step.result(3), 0),
  ])
  .closeFds();

command.output({ timeout: 2000, maxBuffer: 1 << 20 }).then(
  ({ status, stdout, stderr }) => console.log(`${stdout}${stderr}${status}`),
  error => console.log(`${error.stdout || ''}${error.message}`),
);
