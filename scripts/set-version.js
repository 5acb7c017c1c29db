// Run by `npm version`, after the new version is in package.json and before the commit: puts it wherever else it is written.

const { readFileSync, writeFileSync } = require('fs');
const path = require('path');

const root = path.join(__dirname, '..');
const { version } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8'));

function replace(name, pattern, text) {
  const file = path.join(root, name);
  const before = readFileSync(file, 'utf8');
  if (!pattern.test(before)) throw new Error(`${name} has no ${pattern}`);
  writeFileSync(
    file,
    before.replace(pattern, () => text),
  );
}

replace('client/version.ts', /(?<=^export const VERSION = ').*(?=';$)/m, version);
replace('build.zig.zon', /(?<=^ {4}\.version = ").*(?=",$)/m, version);

const today = new Date().toISOString().slice(0, 10);
const changelog = readFileSync(path.join(root, 'CHANGELOG.md'), 'utf8');
if (changelog.includes(`## [${version}] - Unreleased\n`)) {
  replace('CHANGELOG.md', /(?<=^## \[.*\] - )Unreleased$/m, today);
} else if (!changelog.includes(`## [${version}] - `)) {
  replace('CHANGELOG.md', /^## \[Unreleased\]$/m, `## [Unreleased]\n\n## [${version}] - ${today}`);
}
