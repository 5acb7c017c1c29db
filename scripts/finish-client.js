// Makes of dist/client, as the compilers leave it, what is published: one file for `require`, a wrapper for `import`, the command
// line, and the types that users can reach. The modules stay beside them, for tests and benchmarks.

const { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } = require('fs');
const path = require('path');
const { build } = require('esbuild');
const { minify } = require('terser');

const root = path.join(__dirname, '..');
const client = path.join(root, 'dist/client');
const read = name => readFileSync(path.join(client, name), 'utf8');
const write = (name, text) => writeFileSync(path.join(client, name), text);
const endingWith = end => filesIn('').filter(name => name.endsWith(end));

/** Paths below dist/client. */
function filesIn(directory) {
  const entries = readdirSync(path.join(client, directory), { withFileTypes: true });
  return entries.flatMap(entry => {
    const name = path.posix.join(directory, entry.name);
    return entry.isDirectory() ? filesIn(name) : [name];
  });
}

/** The generated modules are in dist/, their types beside the sources. */
const generated = {
  name: 'generated',
  setup: ({ onResolve }) =>
    onResolve({ filter: /\/(messages|syscalls)$/ }, ({ path: module }) => ({
      path: path.join(client, `${path.basename(module)}.js`),
    })),
};

/** Opening sixty files would take several times as long as running what is in them. */
async function bundle(name, external) {
  await build({
    entryPoints: [path.join(root, 'client', name.replace(/js$/, 'ts'))],
    outfile: path.join(client, name),
    bundle: true,
    platform: 'node',
    format: 'cjs',
    target: 'es2019',
    external,
    plugins: [generated],
    logLevel: 'warning',
  });
  await shorten(name);
}

/** The module for `import` hands on what the one for `require` has: a program that loads both has one shared helper. */
function makeWrapper() {
  const names = Object.keys(require(path.join(client, 'index.js'))).sort();
  const lines = [
    "import * as module from './index.js';",
    '',
    '// Node has `module.exports` as the default; bundlers, of what was compiled from an ES module, none.',
    'const { default: unshare = module } = module;',
    '',
    `export const {\n${names.map(name => `  ${name},\n`).join('')}} = unshare;`,
    '',
  ];
  write('index.mjs', lines.join('\n'));
  write('index.d.mts', "export * from './index.js';\n");
}

/** Only index.d.ts, and what it refers to. */
function removeInternalTypes() {
  const reachable = new Set(['index.d.ts']);
  for (const name of reachable) {
    for (const [, module] of read(name).matchAll(/(?:from |import\()['"](\.\.?\/[^'"]+)['"]/g)) {
      const file = path.posix.join(path.posix.dirname(name), module);
      reachable.add(existsSync(path.join(client, `${file}.d.ts`)) ? `${file}.d.ts` : `${file}/index.d.ts`);
    }
  }
  for (const name of endingWith('.d.ts')) {
    if (!reachable.has(name)) unlinkSync(path.join(client, name));
  }
}

/**
 * Comments, white space and local names go: they are in the repository. The names of functions and classes stay, and lines are
 * short: both are in what Node prints of an error.
 */
async function shorten(name) {
  const bundled = read(name);
  // esbuild makes `var Name = class {` of classes: the variable is what names them.
  const reserved = Array.from(
    bundled.matchAll(/^ *(?:var |const )?(\w+) = class /gm),
    ([, variable]) => variable,
  );
  const { code } = await minify(bundled, {
    ecma: 2019,
    // Calls keep their order and their place: what a stack shows is what is written.
    compress: { inline: false, reduce_funcs: false, keep_classnames: true, keep_fnames: true },
    mangle: { toplevel: true, keep_classnames: true, keep_fnames: true, reserved },
    format: { max_line_len: 100 },
  });
  write(name, `${code}\n`);
}

async function main() {
  // The command line takes the client from the other file, and nothing is twice.
  await bundle('cli.js', ['./index']);
  await bundle('index.js', ['protobufjs']);
  makeWrapper();
  removeInternalTypes();
}

main().catch(error => {
  console.error(error);
  process.exitCode = 1;
});
