// Makes of dist/client, as the compilers leave it, what is published: few files for `require`, a wrapper for `import`, the command
// line, and the types that users can reach. The modules stay beside them, for tests and benchmarks.

const { existsSync, readdirSync, readFileSync, unlinkSync, writeFileSync } = require('fs');
const path = require('path');
const { transform } = require('esbuild');
const { rollup } = require('rollup');
const { minify } = require('terser');

const root = path.join(__dirname, '..');
const sources = path.join(root, 'client');
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

/** Modules that stay files of their own, since they are CommonJS: the generated ones, and protobufjs. */
const separate = ['messages', 'protobuf', 'syscalls'];

/** What the client loads when it is needed, by `require` in a function, in the order in which a program may come to need it. */
const loadedLater = ['helper/connection', 'helper/once', 'helper/helper-cache', 'doctor/examine'];

/** As in tsconfig.json. */
const target = 'es2019';
const tsconfigRaw = { compilerOptions: { target, useDefineForClassFields: false } };

/** Has Rollup read TypeScript, and keep apart what is `external`. */
function typescript(external) {
  return {
    name: 'typescript',
    resolveId(source, importer) {
      if (importer === undefined) return source;
      if (!source.startsWith('.')) return { id: source, external: true };
      const module = path.join(path.dirname(importer), source);
      const name = path.relative(sources, module);
      if (external.includes(name)) return { id: `./${name}.js`, external: 'absolute' };
      return [`${module}.ts`, path.join(module, 'index.ts')].find(file => existsSync(file));
    },
    async transform(text) {
      const { code } = await transform(text, { loader: 'ts', target, tsconfigRaw });
      return { code: named(flat(code)), map: null };
    },
  };
}

/** All files are in one directory. */
function flat(code) {
  return code.replace(/require\("\.\.?\/(?:\w+\/)*([\w-]+)"\)/g, 'require("./$1.js")');
}

/** esbuild gives a class with static fields another name, which is seen in stacks. */
function named(code) {
  return code.replace(/const _(\w+) = class _\1 /g, 'const _$1 = class $1 ');
}

const output = {
  dir: client,
  format: 'cjs',
  // Node's own modules, and those of `separate`, are what `require` returns of them.
  interop: 'esModule',
  esModule: true,
  externalLiveBindings: false,
  freeze: false,
  generatedCode: 'es2015',
  chunkFileNames: '[name].js',
};

/** All modules that `id` needs when it is loaded, itself included. */
function neededBy(id, getModuleInfo) {
  const needed = new Set([id]);
  for (const module of needed)
    for (const imported of getModuleInfo(module)?.importedIds ?? []) needed.add(imported);
  return needed;
}

/**
 * The client in few files: opening sixty would take several times as long as running what is in them. A program that imports the
 * package need not start a command, and most need no `doctor`: what only these need is not even read before. Each module is in the file
 * of the first that needs it. `index.js` has what nobody else needs, and `client.js` what the others take from it, since
 * everybody sees what `index.js` exports.
 */
async function makeClient() {
  const index = path.join(sources, 'index.ts');
  const later = loadedLater.map(name => path.join(sources, `${name}.ts`));
  const entries = {
    name: 'entries',
    buildStart() {
      for (const id of later) {
        const name = path.basename(id, '.ts');
        this.emitFile({
          type: 'chunk',
          id,
          name,
          preserveSignature: 'allow-extension',
          fileName: `${name}.js`,
        });
      }
    },
  };
  const bundle = await rollup({ input: { index }, plugins: [entries, typescript(separate)], onwarn });
  await bundle.write({
    ...output,
    manualChunks(id, { getModuleInfo }) {
      const first = later.find(entry => neededBy(entry, getModuleInfo).has(id));
      if (first === undefined) return null;
      return neededBy(index, getModuleInfo).has(id) ? 'client' : path.basename(first, '.ts');
    },
  });
}

/** The command line takes the client from the other files. */
async function makeCommandLine() {
  const input = { cli: path.join(sources, 'cli.ts') };
  const bundle = await rollup({ input, plugins: [typescript([...separate, 'index'])], onwarn });
  await bundle.write(output);
}

/** Nothing that Rollup warns of is wanted here, such as modules that need each other. */
function onwarn({ message }) {
  throw new Error(message);
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
  const { code } = await minify(read(name), {
    ecma: 2019,
    // Calls keep their order and their place: what a stack shows is what is written.
    compress: { inline: false, reduce_funcs: false, keep_classnames: true, keep_fnames: true },
    mangle: { toplevel: true, keep_classnames: true, keep_fnames: true },
    format: { max_line_len: 100 },
  });
  write(name, `${code}\n`);
}

async function main() {
  await makeClient();
  await makeCommandLine();
  const later = loadedLater.map(name => path.basename(name));
  for (const name of ['index', 'client', 'cli', ...later, ...separate]) await shorten(`${name}.js`);
  makeWrapper();
  removeInternalTypes();
}

main().catch(error => {
  console.error(error);
  process.exitCode = 1;
});
