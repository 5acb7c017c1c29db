import { mkdirSync, writeFileSync } from 'fs';
import * as path from 'path';
import { makeScratch } from './scratch';
import { packageRoot, runtimePath, shell } from './support';

/**
 * What the client writes that `code` is, run by the ordinary user `uid`; `unshare` is the package there, and
 * `runtime` the path of what runs it. For
 * tests that are run by root and need another user besides.
 *
 * `prepare` are shell commands that root runs before, in the client's mount namespace.
 */
export async function asOrdinaryUser(uid: number, code: string, prepare: string[] = []): Promise<string> {
  // Where everybody can reach them.
  const directory = makeScratch();
  const packageCopy = path.join(directory, 'package');
  // By its own name: Bun takes arguments as Node does where it is called that.
  const runtime = path.join(directory, path.basename(runtimePath));
  mkdirSync(packageCopy);
  writeFileSync(runtime, '');
  const commands = [
    ...prepare,
    `mount --bind ${packageRoot} ${packageCopy}`,
    `mount --bind ${runtimePath} ${runtime}`,
    `exec setpriv --reuid ${uid} --regid ${uid} --clear-groups ${runtime} -e "$0"`,
  ];
  const { status, stdout, stderr } = await shell(commands.join(' && '))
    .arg(`const unshare = require('${packageCopy}');\nconst runtime = '${runtime}';\n${code}`)
    .unshare('mount')
    .currentDir('/')
    .output();
  if (!status.success) throw new Error(`${status}: ${stderr}`);
  return stdout.toString();
}
