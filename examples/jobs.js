// Runs shell commands, as many at once as there are CPUs. A shell that runs for longer than ten seconds is killed, but
// its children live on: only a pid namespace holds those too.
//   node examples/jobs.js 'sleep 1; echo one' 'echo two' 'exit 3'
const { cpus } = require('os');
const { Command } = require('unshare');

async function run(script) {
  try {
    const { status, stdout } = await new Command('/bin/sh', ['-c', script]).output({
      timeout: 10_000,
      encoding: 'utf8',
    });
    return `${status}\n${stdout}`;
  } catch (error) {
    return `${error.message}\n${error.stdout || ''}`;
  }
}

async function runAll(scripts) {
  const results = new Array(scripts.length);
  const left = scripts.entries();
  // All workers take from the same list.
  const work = async () => {
    for (const [index, script] of left) results[index] = await run(script);
  };
  await Promise.all(cpus().map(work));
  return results;
}

const scripts = process.argv.slice(2);
runAll(scripts).then(results => {
  for (const [index, result] of results.entries()) console.log(`${scripts[index]}: ${result}`);
});
