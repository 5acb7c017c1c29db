// Runs suite.js by the test runners that people use, each in every environment in which modules get other globals than Node's.
// It takes no arguments, and its last line has the numbers.
import { spawnSync } from 'child_process';
import { createRequire } from 'module';
import { dirname, join } from 'path';
import { fileURLToPath } from 'url';

const here = dirname(fileURLToPath(import.meta.url));
const { resolve } = createRequire(import.meta.url);
const jest = [
  join(dirname(resolve('jest/package.json')), 'bin/jest.js'),
  '--config',
  join(here, 'jest.config.js'),
  '--runInBand',
];
const vitest = [
  join(dirname(resolve('vitest/package.json')), 'vitest.mjs'),
  'run',
  '--config',
  join(here, 'vitest.config.mjs'),
];
const runs = {
  'jest, node': [...jest, '--env=node'],
  'jest, jsdom': [...jest, '--env=jsdom'],
  'vitest, threads': [...vitest, '--pool=threads'],
  'vitest, vmThreads': [...vitest, '--pool=vmThreads'],
};

let failed = 0;
for (const [name, args] of Object.entries(runs)) {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: here,
    encoding: 'utf8',
    timeout: 120_000,
  });
  if (status === 0) {
    console.log(`ok   ${name}`);
    continue;
  }
  failed += 1;
  console.log(`FAIL ${name}: ${signal ?? `status ${status}`}\n${stdout}${stderr}`);
}
console.log(`${Object.keys(runs).length - failed} passed, ${failed} failed, 0 skipped`);
process.exitCode = failed === 0 ? 0 : 1;
