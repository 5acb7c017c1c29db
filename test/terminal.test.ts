import { readFileSync, writeFileSync } from 'fs';
import * as path from 'path';
import { type Child, Command } from 'unshare';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { packageRoot, runtimePath, until } from './support';

const test = suite('terminal');

const CTRL_C = '\x03';
const CTRL_Z = '\x1a';

/** A shell with job control in a terminal of its own, and what it shows. */
class Terminal {
  private text = '';
  private readonly child: Child;
  private waiting: (() => void) | null = null;

  static async open(): Promise<Terminal> {
    const shell = 'exec bash --norc --noprofile -i';
    const child = await new Command('/usr/bin/script')
      .args(['-qfec', shell, '/dev/null'])
      .env('PS1', '$ ')
      .env('TERM', 'dumb')
      .stdin('piped')
      .stdout('piped')
      .stderr('piped')
      .spawn();
    return new Terminal(child);
  }

  private constructor(child: Child) {
    this.child = child;
    child.stdout!.on('data', chunk => {
      this.text += chunk;
      this.waiting?.();
    });
  }

  type(keys: string): void {
    this.child.stdin!.write(keys);
  }

  /** Waits until `expected` was shown, at any time. Returns what a group of it has matched. */
  async shows(expected: string | RegExp): Promise<string | undefined> {
    for (;;) {
      if (typeof expected === 'string' && this.text.includes(expected)) return undefined;
      const found = typeof expected === 'string' ? null : expected.exec(this.text);
      if (found !== null) return found[1];
      await new Promise<void>((resolve, reject) => {
        const timer = setTimeout(() => reject(new Error(`not shown: ${expected}, but ${this.text}`)), 10_000);
        this.waiting = () => {
          clearTimeout(timer);
          resolve();
        };
      });
    }
  }

  async close(): Promise<void> {
    await this.child.kill().catch(() => {});
    await this.child.wait();
  }
}

/** A client in the foreground; the command line that starts it. It logs strings: other values are in colours on some runtimes. */
function client(code: string): string {
  const file = path.join(makeScratch(), 'client.js');
  writeFileSync(file, `const unshare = require(${JSON.stringify(packageRoot)});\n${code}`);
  return `${runtimePath} ${file}\n`;
}

/** The terminal is closed however the test ends. */
function testInTerminal(name: string, body: (terminal: Terminal) => Promise<void>): void {
  test(name, async () => {
    const terminal = await Terminal.open();
    try {
      await body(terminal);
    } finally {
      await terminal.close();
    }
  });
}

testInTerminal(
  'Ctrl-C: foreground children get it, the helper survives, and the client decides',
  async terminal => {
    terminal.type(
      client(`
      const interrupted = new Promise(resolve => process.on('SIGINT', resolve));
      interrupted.then(() => console.log('client', 'interrupted'));
      (async () => {
        const sleeper = () => new unshare.Command('/bin/sleep').arg('60');
        const child = await sleeper().spawn();
        const leader = await sleeper().makeGroupLeader().spawn();
        const helper = unshare.Helper.shared().pid;
        console.log('now', 'ready');
        console.log('ended by', String(await child.wait()));
        console.log('leader is', String(leader.tryWait()));
        console.log('next one:', String(await new unshare.Command('/bin/true').status()));
        console.log('same helper:', String(unshare.Helper.shared().pid === helper));
        // Some runtimes hear of it later than of the child's end.
        await interrupted;
        await leader.kill();
      })();`),
    );
    await terminal.shows('now ready');
    terminal.type(CTRL_C);
    await terminal.shows('client interrupted');
    await terminal.shows('ended by signal: 2 (SIGINT)');
    await terminal.shows('leader is null');
    await terminal.shows('next one: exit status: 0');
    await terminal.shows('same helper: true');
  },
);

testInTerminal(
  'Ctrl-C in a client that does not handle it ends it, its helper and its children',
  async terminal => {
    terminal.type(
      client(`
      new unshare.Command('/bin/sleep').arg('60').makeGroupLeader().spawn().then(child => {
        console.log('pids', String(child.pid), String(unshare.Helper.shared().pid), '.');
      });`),
    );
    await terminal.shows(/pids \d+ \d+ \./);
    terminal.type(CTRL_C);
    terminal.type('echo status $?; sleep 0.3; pgrep -x unshare-helper -P $$ || echo no helper\n');
    await terminal.shows('status 130');
    await terminal.shows('no helper');
  },
);

testInTerminal('Ctrl-Z and fg: client and children stop and go on, and events tell of it', async terminal => {
  terminal.type(
    client(`
      (async () => {
        const events = unshare.childEvents();
        const child = await new unshare.Command('/bin/sh')
          // Always in a call that can be stopped: where it starts one program after the other, it may be in vfork.
          .args(['-c', 'trap "kill $!; exit 9" USR1; sleep 60 & echo now ready $$ .; wait']).spawn();
        for await (const event of events) {
          if (event.child !== child) continue;
          console.log('event', event.type, event.signal || '.');
          if (event.type === 'continue') await child.signal('SIGUSR1');
          if (event.type === 'death') break;
        }
        console.log('ended by', String(await child.wait()));
      })();`),
  );
  const pid = await terminal.shows(/now ready (\d+) \./);
  terminal.type(CTRL_Z);
  await terminal.shows('Stopped');
  // On a busy machine it may take a while until it has its turn to stop; a signal to go on would come before that.
  await until('the child is stopped', () => /\) T /.test(readFileSync(`/proc/${pid}/stat`, 'utf8')));
  terminal.type('echo the shell has it\n');
  await terminal.shows('\nthe shell has it');
  terminal.type('fg\n');
  await terminal.shows('event stop SIGTSTP');
  await terminal.shows('event continue');
  await terminal.shows('event death');
  await terminal.shows('ended by exit status: 9');
});

test.run();
