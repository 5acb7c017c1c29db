// Keeps services running: restarts each one that ends, after growing pauses, and stops them in reverse order on SIGTERM
// or SIGINT, each with the processes that it has started. A process that outlives its service is not found.
const { childEvents, Command } = require('unshare');

const FIRST_PAUSE_MS = 100;
const LONGEST_PAUSE_MS = 10_000;
/** After so long, a service that ends is taken to have worked. */
const STEADY_MS = 5000;
const STOP_MS = 3000;

const shell = script => new Command('/bin/sh', ['-c', script]);

const services = [
  { name: 'steady', command: shell('exec sleep 1000') },
  { name: 'flaky', command: shell('sleep 0.05; exit 1') },
].map(service => ({ ...service, child: null, startedAt: 0, pause: FIRST_PAUSE_MS }));

let stopping = false;

async function start(service) {
  if (stopping) return;
  service.startedAt = Date.now();
  service.child = await service.command.makeGroupLeader().spawn();
  console.log(`${service.name} started`);
  // Its death may have been told before it was known here.
  if (service.child.tryWait() !== null) ended(service, service.child.tryWait());
}

function ended(service, status) {
  console.log(`${service.name} ended with ${status}`);
  service.child = null;
  if (stopping) return;
  if (Date.now() - service.startedAt > STEADY_MS) service.pause = FIRST_PAUSE_MS;
  setTimeout(() => start(service), service.pause);
  service.pause = Math.min(2 * service.pause, LONGEST_PAUSE_MS);
}

/** A service may end by itself right before the signal. */
function ignoreEnded(error) {
  if (error.code !== 'ESRCH') throw error;
}

async function stop() {
  stopping = true;
  for (const { name, child } of [...services].reverse()) {
    if (child === null || child.tryWait() !== null) continue;
    await child.signal('SIGTERM', { group: true }).catch(ignoreEnded);
    const timer = setTimeout(() => child.kill({ group: true }).catch(ignoreEnded), STOP_MS);
    await child.wait();
    clearTimeout(timer);
    console.log(`${name} stopped`);
  }
  process.exit();
}

async function supervise() {
  const events = childEvents();
  for (const service of services) await start(service);
  for await (const { type, child, status } of events) {
    const service = services.find(one => one.child !== null && one.child === child);
    if (type === 'death' && service !== undefined) ended(service, status);
  }
}

process.on('SIGTERM', stop).on('SIGINT', stop);
supervise();
