import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'fs';
import * as path from 'path';
import { suite } from '../harness';
import { makeScratch } from '../scratch';
import { packageRoot } from '../support';
import { makeProject, outputOf } from './packed';
import { tool } from './tools';

/* Each compiles test/types/usage.ts with the types of the package, and those themselves (`skipLibCheck: false`). */
const test = suite('types');

/** The compiler and the types of Node that the package is made with. */
const newest = {
  compiler: () => path.join(packageRoot, 'node_modules/typescript'),
  nodeTypes: () => path.join(packageRoot, 'node_modules/@types/node'),
};
/** The oldest that are meant to do. */
const oldest = { compiler: () => tool('typescript-5.0'), nodeTypes: () => tool('node-types-16') };

const cases: { name: string; with: typeof newest; manifest?: object; options: object }[] = [
  { name: 'TypeScript 7, CommonJS', with: newest, options: { module: 'node16' } },
  {
    name: 'TypeScript 7, ES module',
    with: newest,
    manifest: { type: 'module' },
    options: { module: 'node16' },
  },
  {
    name: 'TypeScript 7, nodenext',
    with: newest,
    manifest: { type: 'module' },
    options: { module: 'nodenext' },
  },
  {
    name: 'TypeScript 7, for a bundler',
    with: newest,
    options: { module: 'esnext', moduleResolution: 'bundler' },
  },
  {
    name: 'TypeScript 7, with what it knows of disposal itself',
    with: newest,
    options: { module: 'node16', lib: ['ES2022', 'ESNext.Disposable'] },
  },
  {
    name: 'TypeScript 7, exact optional properties',
    with: newest,
    options: { module: 'node16', exactOptionalPropertyTypes: true, noUncheckedIndexedAccess: true },
  },
  { name: 'TypeScript 5.0, CommonJS', with: oldest, options: { module: 'node16' } },
  {
    name: 'TypeScript 5.0, ES module',
    with: oldest,
    manifest: { type: 'module' },
    options: { module: 'node16' },
  },
  {
    name: 'TypeScript 5.0, for a bundler',
    with: oldest,
    options: { module: 'esnext', moduleResolution: 'bundler' },
  },
  {
    name: 'TypeScript 5.0, resolution without `exports`',
    with: oldest,
    options: { module: 'commonjs', moduleResolution: 'node' },
  },
];

const scratch = makeScratch();

cases.forEach((one, index) => {
  test(one.name, () => {
    const project = makeProject(path.join(scratch, String(index)), one.manifest);
    mkdirSync(path.join(project, 'node_modules/@types'));
    symlinkSync(one.with.nodeTypes(), path.join(project, 'node_modules/@types/node'));
    copyFileSync(path.join(packageRoot, 'test/types/usage.ts'), path.join(project, 'usage.ts'));
    const compilerOptions = {
      target: 'es2020',
      // Without ESNext.Disposable: the types of the package may not need it.
      lib: ['es2020'],
      strict: true,
      noEmit: true,
      skipLibCheck: false,
      ...one.options,
    };
    const configuration = { compilerOptions, files: ['usage.ts'] };
    writeFileSync(path.join(project, 'tsconfig.json'), JSON.stringify(configuration));
    outputOf(process.execPath, [path.join(one.with.compiler(), 'bin/tsc'), '-p', project], project);
  });
});

test.run();
