import { existsSync } from 'fs';
import * as path from 'path';
import { packageRoot } from '../support';
import { installTools } from './npm-tools';

/*
 * Programs that only these tests use, and that are large or would take the place of others in node_modules/.bin. Each has a
 * directory of its own name, with its version: what is there is right.
 */
const tools = {
  pnpm: `pnpm-12.21.0@npm:@pnpm/exe.linux-${process.arch}@12.21.0`,
  yarn: 'yarn-4.18.1@npm:@yarnpkg/cli-dist@4.18.1',
  'yarn-classic': 'yarn-1.22.22@npm:yarn@1.22.22',
  bun: `bun-1.4.5@npm:@oven/bun-linux-${process.arch === 'arm64' ? 'aarch64' : process.arch}@1.4.5`,
  'typescript-5.0': 'typescript-5.0.4@npm:typescript@5.0.4',
  'node-types-16': 'node-types-16.18.126@npm:@types/node@16.18.126',
  // The oldest for the package.
  'node-12.17': `node-12.17.0@npm:node-linux-${process.arch}@12.17.0`,
};

/** The directory of such a program's package. */
export function tool(name: keyof typeof tools): string {
  const modules = installTools(path.join(packageRoot, 'dist/tools'), Object.values(tools));
  const directory = path.join(modules, tools[name].slice(0, tools[name].indexOf('@npm:')));
  if (!existsSync(directory)) throw new Error(`npm has not installed ${tools[name]}`);
  return directory;
}
