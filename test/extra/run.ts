import * as path from 'path';
import { runFile } from '../runner/file';
import { ownPlace } from '../runner/place';
import { describe, summarize } from '../runner/report';
import { installRuntimes } from '../runtimes';
import { makeScratch } from '../scratch';

/*
 * Runs the tests of one of the files beside this one, which need programs that are not on every machine:
 *
 *     node dist/test/extra/run.js single-file
 */

const { arch } = process;

/** Packages of the npm registry that each file uses, by the names that they have in `runtimePath`. */
const PACKAGES: Record<string, Record<string, string>> = {
  'single-file': {
    bun: `@oven/bun-linux-${arch === 'arm64' ? 'aarch64' : arch}@1.4.5`,
    deno: `@deno/linux-${arch}-glibc@2.9.6`,
    node26: `node-linux-${arch}@26.10.0`,
    postject: 'postject@1.0.0-alpha.6',
  },
};

async function main(name: string): Promise<void> {
  installRuntimes(PACKAGES[name]!);
  const root = path.join(__dirname, '../../..');
  const report = await runFile(`extra/${name}.test.js`, ownPlace(root), makeScratch());
  console.log(describe(report));
  console.log(summarize([report]));
  process.exitCode = report.failures.length === 0 && report.passed > 0 ? 0 : 1;
}

main(process.argv[2]!).catch((error: Error) => {
  console.error(error.message);
  process.exit(2);
});
