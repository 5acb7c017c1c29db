import { accessSync, constants, mkdirSync, readFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from '../harness';
import { makeScratch } from '../scratch';
import { packageRoot } from '../support';
import { cleanEnvironment, outputOf, tarballOf } from './packed';
import { tool } from './tools';

const test = suite('installation');

/** A package manager, as it installs a package into an empty project, without running scripts. */
interface Manager {
  name: string;
  /** What it reads its settings from. */
  settings?: Record<string, string>;
  /** The words that install `tarball`, which is a path. */
  install(tarball: string): string[];
  /** The words before `node`, where node alone does not find the packages. */
  run?(): string[];
  environment?: NodeJS.ProcessEnv;
}

const scratch = makeScratch();

function yarn(linker: string): Pick<Manager, 'settings' | 'install'> {
  const settings = {
    nodeLinker: linker,
    enableScripts: false,
    enableTelemetry: false,
    enableGlobalCache: false,
    // The loader for ES modules, which Yarn adds by itself only where it sees one.
    pnpEnableEsmLoader: true,
  };
  const lines = Object.entries(settings).map(([name, value]) => `${name}: ${value}\n`);
  return {
    // An empty lock file: the project is not part of one around it.
    settings: { '.yarnrc.yml': lines.join(''), 'yarn.lock': '' },
    install: tarball => [...yarnProgram(), 'add', `unshare@file:${tarball}`],
  };
}

const yarnProgram = () => [process.execPath, path.join(tool('yarn'), 'bin/yarn.js')];

const managers: Manager[] = [
  {
    name: 'npm',
    install: tarball => ['npm', 'install', '--ignore-scripts', '--no-audit', '--no-fund', tarball],
  },
  {
    name: 'pnpm',
    install: tarball => [
      path.join(tool('pnpm'), 'pnpm'),
      'add',
      '--ignore-scripts',
      '--store-dir',
      path.join(scratch, 'pnpm-store'),
      tarball,
    ],
  },
  { name: 'yarn, node-modules', ...yarn('node-modules') },
  { name: "yarn, Plug'n'Play", ...yarn('pnp'), run: yarnProgram },
  {
    name: 'yarn 1',
    install: tarball => [
      process.execPath,
      path.join(tool('yarn-classic'), 'bin/yarn.js'),
      'add',
      '--ignore-scripts',
      '--cache-folder',
      path.join(scratch, 'yarn-cache'),
      `file:${tarball}`,
    ],
  },
  {
    name: 'bun',
    install: tarball => [path.join(tool('bun'), 'bin/bun'), 'add', '--ignore-scripts', tarball],
    environment: { BUN_INSTALL_CACHE_DIR: path.join(scratch, 'bun-cache') },
  },
];

const IMPORT = "import { Command } from 'unshare';";

/** The first example of the README, which is a module. */
function example(): string {
  const readme = readFileSync(path.join(packageRoot, 'README.md'), 'utf8');
  const [, code] = /```js\n(.*?)```/s.exec(readme)!;
  assert.match(code!, IMPORT);
  return code!;
}

/** The same where there is `require`, and no await outside of functions. */
const asScript = (code: string) =>
  `(async () => {\n${code.replace(IMPORT, "const { Command } = require('unshare');")}\n})();\n`;

const findHelpers = `
  const path = require('path');
  const directory = path.dirname(require.resolve('unshare/package.json'));
  const helpers = ['arm', 'arm64', 'riscv64', 'x64'].map(name => \`\${directory}/dist/helper/\${name}/unshare-helper\`);
  console.log(JSON.stringify(helpers));`;

/** What in the tree of installed packages wants to be run at the installation. */
const findScripts = `
  const { readdirSync, existsSync } = require('fs');
  const found = [];
  for (const name of readdirSync('node_modules')) {
    if (name.startsWith('.') || name.startsWith('@')) continue;
    const { scripts = {} } = require(\`./node_modules/\${name}/package.json\`);
    const run = ['preinstall', 'install', 'postinstall', 'prepare'].filter(script => scripts[script]);
    if (existsSync(\`node_modules/\${name}/binding.gyp\`)) run.push('binding.gyp');
    found.push([name, run]);
  }
  console.log(JSON.stringify(found));`;

managers.forEach((manager, index) => {
  test(`${manager.name}: the example of the README runs, and the helpers can be executed`, () => {
    const project = path.join(scratch, String(index));
    mkdirSync(project);
    const files = {
      'package.json': '{ "name": "project", "private": true }\n',
      ...manager.settings,
      'example.cjs': asScript(example()),
      'example.mjs': example(),
      'helpers.cjs': findHelpers,
    };
    for (const [name, text] of Object.entries(files)) writeFileSync(path.join(project, name), text);
    const environment = cleanEnvironment(manager.environment);
    const run = ([program, ...words]: string[]) => outputOf(program!, words, project, environment);
    run(manager.install(tarballOf('first')));

    const node = (name: string) =>
      run([...(manager.run?.() ?? []), ...(manager.run ? ['node'] : [process.execPath]), name]);
    assert.is(node('example.cjs'), 'user 0, process 1\n\n');
    assert.is(node('example.mjs'), 'user 0, process 1\n\n');
    for (const helper of JSON.parse(node('helpers.cjs'))) accessSync(helper, constants.X_OK);
  });
});

test('npm: neither the package nor what it depends on has anything to run at the installation', () => {
  const project = path.join(scratch, 'scripts');
  mkdirSync(project);
  writeFileSync(path.join(project, 'package.json'), '{ "private": true }\n');
  outputOf('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund', tarballOf('first')], project);
  assert.equal(JSON.parse(outputOf(process.execPath, ['-e', findScripts], project)), [
    ['long', []],
    ['protobufjs', []],
    ['unshare', []],
  ]);
});

test('what protobufjs and long take is what the README says, in MB', () => {
  const modules = path.join(scratch, 'scripts/node_modules');
  const sizes = ['protobufjs', 'long'].map(name =>
    parseInt(outputOf('du', ['--apparent-size', '--bytes', '--summarize', name], modules), 10),
  );
  const readme = readFileSync(path.join(packageRoot, 'README.md'), 'utf8');
  const said = /`protobufjs` and `long` another (\d+) MB/.exec(readme)![1];
  assert.is(`${Math.round((sizes[0]! + sizes[1]!) / 1e6)}`, said);
});

test('npm: the command line', () => {
  const project = path.join(scratch, 'scripts');
  for (const name of ['unshare', 'unshare-js']) {
    const program = path.join(project, 'node_modules/.bin', name);
    assert.is(outputOf(program, ['run', '--', 'echo', 'hello'], project), 'hello\n');
    assert.match(outputOf(program, ['--help'], project), /^Usage: unshare-js run /);
  }
  const npx = ['--offline', 'unshare-js', 'run', '--', 'echo', 'hello'];
  assert.is(outputOf('npx', npx, project), 'hello\n');
});

test.run();
