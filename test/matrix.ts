import { spawnSync } from 'child_process';
import * as path from 'path';
import { installRuntimes, runtimePath } from './runtimes';

/*
 * Runs the tests, as they are compiled, on other versions of Node, and prints a table:
 *
 *     npm run matrix [-- VERSION…]
 *
 * The binaries come from the npm registry.
 */

/** The oldest that is meant to work, every one with long-term support since, and the newest. */
const VERSIONS = ['12', '14', '16', '18', '20', '22', '24', '26'];

const root = path.join(__dirname, '../..');

interface Result {
  version: string;
  passed: number;
  failed: number;
  skips: string[];
}

function nameOf(version: string): string {
  return `node${version}`;
}

function binaryOf(version: string): string {
  return runtimePath(nameOf(version), 'bin/node');
}

function install(versions: readonly string[]): void {
  const packages = versions.map(version => [nameOf(version), `node-linux-${process.arch}@${version}`]);
  installRuntimes(Object.fromEntries(packages));
}

/** Started by root, as root: an ordinary user's tests are not different from one version to the other. */
function run(version: string): Result {
  const { stdout } = spawnSync(binaryOf(version), [path.join(root, 'dist/test/run.js'), '--as', 'root'], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 64 * 1024 * 1024,
  });
  const lines = stdout.trimEnd().split('\n');
  const [, passed, failed] = /^(\d+) passed, (\d+) failed, \d+ skipped$/.exec(lines[lines.length - 1]!) ?? [];
  if (failed !== '0') console.log(stdout);
  return {
    version,
    passed: Number(passed ?? 0),
    failed: Number(failed ?? 1),
    skips: lines.filter(line => line.startsWith('skipped ')),
  };
}

function main(): void {
  const asked = process.argv.slice(2);
  const versions = asked.length > 0 ? asked : VERSIONS;
  install(versions);
  const results = versions.map(version => {
    const result = run(version);
    console.log(
      `Node ${version}: ${result.passed} passed, ${result.failed} failed, ${result.skips.length} skipped`,
    );
    return result;
  });
  for (const skip of new Set(results.flatMap(({ skips }) => skips))) {
    const where = results.filter(({ skips }) => skips.includes(skip)).map(({ version }) => version);
    console.log(`${skip} (Node ${where.join(', ')})`);
  }
  const sum = (count: (result: Result) => number) =>
    results.reduce((total, result) => total + count(result), 0);
  const failed = sum(result => result.failed);
  console.log(
    `${sum(({ passed }) => passed)} passed, ${failed} failed, ${sum(({ skips }) => skips.length)} skipped`,
  );
  process.exitCode = failed === 0 ? 0 : 1;
}

main();
