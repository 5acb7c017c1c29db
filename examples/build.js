// A build tool: runs tasks in parallel, each when those that it needs are done, and skips those whose target is newer than
// their sources. Each has a log of its own. The first failure ends all others, with whatever they have started.
//   node examples/build.js DIRECTORY
const { existsSync, mkdirSync, readFileSync, statSync } = require('fs');
const { Command, Stdio } = require('unshare');

const sh = Command.find('sh');
const tasks = [
  { target: 'build/upper', sources: ['text'], script: 'tr a-z A-Z < text > build/upper' },
  { target: 'build/count', sources: ['text'], script: 'wc -w < text > build/count' },
  {
    target: 'build/all',
    sources: ['build/upper', 'build/count'],
    script: 'cat build/upper build/count > build/all',
  },
];

const started = new Map();
const running = new Set();

function build(task) {
  if (!started.has(task)) started.set(task, make(task));
  return started.get(task);
}

async function make({ target, sources, script }) {
  await Promise.all(tasks.filter(task => sources.includes(task.target)).map(build));
  const time = file => statSync(file).mtimeMs;
  if (existsSync(target) && sources.every(source => time(source) <= time(target))) return;
  console.log(`${target}: ${script}`);
  const log = target.replace('build/', 'build/logs/');
  const command = new Command(sh, ['-ec', script])
    .stdin('ignore')
    .stdout(Stdio.file(log))
    .stderr(Stdio.sameAs(1));
  const child = await command.makeGroupLeader().spawn();
  running.add(child);
  const status = await child.wait();
  running.delete(child);
  if (!status.success) throw new Error(`${target}: ${status}\n${readFileSync(log, 'utf8')}`);
}

process.chdir(process.argv[2] || '.');
mkdirSync('build/logs', { recursive: true });
Promise.all(tasks.map(build)).then(
  () => console.log('done'),
  error => {
    console.log(error.message);
    process.exitCode = 1;
    // One that has just ended by itself is no news.
    for (const child of running) child.kill({ group: true }).catch(() => {});
  },
);
