import { plain } from './contenders';
import { compareStarting } from './starting';

const residentBytes = 1.5e9;
const chunkBytes = 1 << 20;

async function main(): Promise<void> {
  const memory = fill();
  const resident = process.memoryUsage().rss;
  if (resident < residentBytes) throw new Error(`Only ${resident} bytes are resident`);
  const where = `${memory.length} MiB of buffers, ${(resident / 1e9).toFixed(1)} GB resident`;
  process.send!(await compareStarting('heap', where, plain, JSON.parse(process.argv[2]!)));
  process.disconnect!();
}

/**
 * Fills memory with buffers, as a server does with what it caches. V8's own heap does not show what it costs
 * to fork: it is kept out of forks (MADV_DONTFORK) in recent versions of Node.
 */
function fill(): Buffer[] {
  const chunks = Math.ceil(residentBytes / chunkBytes);
  return Array.from({ length: chunks }, () => Buffer.alloc(chunkBytes, 1));
}

main().catch(error => {
  console.error(error);
  process.exit(1);
});
