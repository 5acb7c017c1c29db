// Runs a piece of code that an agent has written, and prints what came of it as JSON. The code is read from standard input:
//   echo 'console.log(6 * 7)' | node examples/run-code.js node -
// It sees no other process and no network, its own children end with it, and it may take 5 seconds and print 1 MiB. The files
// are your own: this protects from accidents. For code that attacks, see examples/untrusted.js.
const { Command } = require('unshare');

const [language = 'sh', ...args] = process.argv.slice(2);

async function run(input) {
  const command = new Command(Command.find(language), args)
    .mapCurrentUser()
    .unshare('pid', 'net', 'ipc', 'uts');
  const options = { input, encoding: 'utf8', timeout: 5000, killGroup: true, maxBuffer: 2 ** 20 };
  try {
    const { status, stdout, stderr, durationMs } = await command.output(options);
    return { result: String(status), stdout, stderr, durationMs: Math.round(durationMs) };
  } catch (error) {
    // Past a limit, the output so far is there too.
    return { result: error.message, stdout: error.stdout, stderr: error.stderr };
  }
}

run(process.stdin).then(result => console.log(JSON.stringify(result)));
