// Generates the messages from proto/unshare.proto: the client's, and the tests', which play the helper's part too. The code goes
// into dist/, its types beside the sources.

const { execFileSync } = require('child_process');
const { mkdirSync, readFileSync, writeFileSync } = require('fs');
const path = require('path');
const protobuf = require('protobufjs');
const { version } = require('../package.json');

const root = path.join(__dirname, '..');
const proto = path.join(root, 'proto/unshare.proto');
const run = (tool, args) =>
  execFileSync(path.join(root, 'node_modules/.bin', tool), args, { cwd: root, stdio: 'inherit' });

/** The names of the messages that one of type `name` can have in it, itself included. */
function within(messages, name) {
  const found = new Set([name]);
  for (const message of found) {
    for (const { resolvedType } of messages.lookupType(message).fieldsArray) {
      if (resolvedType instanceof protobuf.Type) found.add(resolvedType.name);
    }
  }
  return found;
}

/** Without the functions `name` of the messages that are not `needed`. */
function withoutUnneeded(code, name, needed) {
  const comment = / {12}\/\*\*\n(?: {13}\*.*\n)+/.source;
  const assignment = / {12}(\w+)\.NAME = function[\s\S]*?\n {12}\};\n\n/.source.replace('NAME', name);
  const all = new RegExp(`(?:${comment})?${assignment}`, 'g');
  const kept = code.replace(all, (text, message) => (needed.has(message) ? text : ''));
  if (kept === code) throw new Error(`pbjs has another form than it had: no ${name} was found`);
  return kept;
}

/** Half of the code: the client writes what the helper reads, and reads what it writes. */
function withoutHelpersPart(code) {
  const messages = protobuf.loadSync(proto).lookup('unshare.v1');
  messages.root.resolveAll();
  const written = withoutUnneeded(code, 'encode', within(messages, 'ToHelper'));
  return withoutUnneeded(written, 'decode', within(messages, 'ToClient'));
}

/** Makes the messages of `directory`, of what `select` leaves of all their code, with protobufjs by the name `dependency`. */
function build(directory, dependency, select) {
  const dist = path.join(root, 'dist', directory);
  mkdirSync(dist, { recursive: true });
  const output = path.join(dist, 'messages.js');
  const flags = ['create', 'verify', 'convert', 'delimited', 'typeurl'].map(part => `--no-${part}`);
  // protobufjs keeps the generated messages of a whole program by such names: those of another version may be there.
  const name = `unshare-${directory}-${version}`;
  const form = ['-t', 'static-module', '-w', 'commonjs', '-r', name, '--dependency', dependency];
  run('pbjs', [...form, ...flags, '-o', output, proto]);
  writeFileSync(output, select(readFileSync(output, 'utf8')));
  // It reads the types out of the comments.
  run('pbts', ['-o', path.join(directory, 'messages.d.ts'), output]);
}

build('client', './protobuf', withoutHelpersPart);
build('test', 'protobufjs/minimal', code => code);
