// A shell in a sandbox: root in namespaces of its own, alone with its processes, and without a network. It has your terminal,
// with job control. The files are your own.
//   node examples/shell.js [-c 'ps; id']
const { Command, MS_NODEV, MS_NOEXEC, MS_NOSUID, step } = require('unshare');

new Command(process.env.SHELL || Command.find('sh'), process.argv.slice(2))
  .mapRoot()
  .unshare('mount', 'pid', 'net', 'ipc', 'uts')
  .env('PS1', 'sandbox# ')
  .preExec([
    step.syscall('mount', 'proc', '/proc', 'proc', MS_NOSUID | MS_NODEV | MS_NOEXEC, 0),
    step.syscall('sethostname', 'sandbox', 7),
  ])
  .status({ foreground: true })
  .then(({ code, signal }) => {
    process.exitCode = code === null ? 1 : code;
    if (signal !== null) console.error(`the shell was ended by ${signal}`);
  });
