import { execFileSync, spawnSync } from 'child_process';
import { existsSync, mkdirSync, writeFileSync } from 'fs';
import * as path from 'path';

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
const place = path.join(root, 'dist/runtimes');

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
  return path.join(place, 'node_modules', nameOf(version), 'bin/node');
}

function install(versions: readonly string[]): void {
  const missing = versions.filter(version => !existsSync(binaryOf(version)));
  if (missing.length === 0) return;
  mkdirSync(place, { recursive: true });
  // So that npm does not take the project around it for the one to install into.
  writeFileSync(path.join(place, 'package.json'), '{ "private": true }\n');
  const packages = missing.map(version => `${nameOf(version)}@npm:node-linux-${process.arch}@${version}`);
  execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', ...packages], {
    cwd: place,
    stdio: ['ignore', 'ignore', 'inherit'],
  });
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
