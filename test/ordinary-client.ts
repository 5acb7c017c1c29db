import { mkdirSync, writeFileSync } from 'fs';
import * as path from 'path';
import { makeScratch } from './scratch';
import { packageRoot, runtimePath, shell } from './support';

/**
 * What the client writes that `code` is, run by the ordinary user `uid`; `unshare` is the package there. For
 * tests that are run by root and need another user besides.
 *
 * `prepare` are shell commands that root runs before, in the client's mount namespace.
 */
export async function asOrdinaryUser(uid: number, code: string, prepare: string[] = []): Promise<string> {
  // Where everybody can reach them.
  const directory = makeScratch();
  const [packageCopy, node] = ['package', 'node'].map(name => path.join(directory, name)) as [string, string];
  mkdirSync(packageCopy);
  writeFileSync(node, '');
  const commands = [
    ...prepare,
    `mount --bind ${packageRoot} ${packageCopy}`,
    `mount --bind ${runtimePath} ${node}`,
    `exec setpriv --reuid ${uid} --regid ${uid} --clear-groups ${node} -e "$0"`,
  ];
  const { status, stdout, stderr } = await shell(commands.join(' && '))
    .arg(`const unshare = require('${packageCopy}');\n${code}`)
    .unshare('mount')
    .currentDir('/')
    .output();
  if (!status.success) throw new Error(`${status}: ${stderr}`);
  return stdout.toString();
}
