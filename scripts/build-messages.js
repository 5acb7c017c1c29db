// Generates the client's messages from proto/unshare.proto: the code into dist/, its types beside the client's sources.

const { execFileSync } = require('child_process');
const { mkdirSync, mkdtempSync, rmSync } = require('fs');
const path = require('path');

const root = path.join(__dirname, '..');
const run = (tool, args) =>
  execFileSync(path.join(root, 'node_modules/.bin', tool), args, { cwd: root, stdio: 'inherit' });
const pbjs = (output, ...flags) =>
  run('pbjs', [
    ...[
      '-t',
      'static-module',
      '-w',
      'commonjs',
      '--no-create',
      '--no-verify',
      '--no-convert',
      '--no-delimited',
    ],
    ...[...flags, '-o', output, 'proto/unshare.proto'],
  ]);

mkdirSync(path.join(root, 'dist/client'), { recursive: true });
pbjs('dist/client/messages.js', '--no-comments');

// pbts reads the types out of the comments, which the shipped code does without.
const scratch = mkdtempSync(path.join(root, 'dist/messages-'));
try {
  pbjs(path.join(scratch, 'messages.js'));
  run('pbts', ['-o', 'client/messages.d.ts', path.join(scratch, 'messages.js')]);
} finally {
  rmSync(scratch, { recursive: true });
}
