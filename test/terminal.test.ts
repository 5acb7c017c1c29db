import { existsSync, readFileSync } from 'fs';
import * as path from 'path';
import * as assert from 'uvu/assert';
import { suite } from './harness';
import { makeScratch } from './scratch';
import { until } from './support';
import { CTRL_C, CTRL_Z, cli, client, Terminal } from './terminal';

const test = suite('terminal');

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

/** The rest of a line of code: a client that says whether its own group is in the foreground. */
const prelude = `
  const stat = pid => require('fs').readFileSync('/proc/' + pid + '/stat', 'utf8').split(') ')[1].split(' ').map(Number);
  const inForeground = pid => String(stat('self')[5] === stat(pid)[2]);
  const inside = command => command.unshare('user', 'pid')
    .setIdMaps([{ insideUid: 0, outsideUid: process.geteuid(), count: 1 }], [{ insideGid: 0, outsideGid: process.getegid(), count: 1 }]);
  const shell = script => new unshare.Command('/bin/sh').args(['-c', script]);
`;

const WAYS = {
  'a plain program': 'shell',
  'a program in a pid namespace': '(script => inside(shell(script)))',
  'a program with a helper for it alone':
    "(script => inside(shell(script)).fileDescriptor(9, unshare.Fd.dupFile(require('fs').openSync('/dev/null'))))",
  'a program that was frozen':
    '(script => inside(shell(script)).beforeUnfreeze(() => new Promise(resolve => setTimeout(resolve, 50))))',
};

for (const [what, make] of Object.entries(WAYS)) {
  testInTerminal(`foreground: ${what} reads from the terminal, and gives it back`, async terminal => {
    terminal.type(
      client(`${prelude}
      (async () => {
        const command = ${make}('echo now ready; read line; echo got $line; exit 3');
        const child = await command.spawn({ foreground: true });
        console.log('program', inForeground(child.pid), 'client', inForeground('self'), '.');
        console.log('ended by', String(await child.wait()));
        console.log('then client', inForeground('self'), '.');
      })();`),
    );
    await terminal.shows('program true client false .');
    await terminal.shows('now ready');
    terminal.type('a word\n');
    await terminal.shows('got a word');
    await terminal.shows('ended by exit status: 3');
    await terminal.shows('then client true .');
  });
}

testInTerminal('foreground: Ctrl-C reaches the program, and not the client', async terminal => {
  terminal.type(
    client(`${prelude}
      process.on('SIGINT', () => console.log('client', 'interrupted'));
      (async () => {
        const child = await shell('echo now ready; read line').spawn({ foreground: true });
        console.log('ended by', String(await child.wait()));
        console.log('then client', inForeground('self'), '.');
      })();`),
  );
  await terminal.shows('now ready');
  terminal.type(CTRL_C);
  await terminal.shows('ended by signal: 2 (SIGINT)');
  await terminal.shows('then client true .');
  assert.not.ok(terminal.hasShown('client interrupted'));
});

testInTerminal(
  'foreground: a stop gives the terminal back, and SIGCONT gives it to the program again',
  async terminal => {
    terminal.type(
      client(`${prelude}
      (async () => {
        const events = unshare.childEvents();
        const child = await inside(shell('echo now ready; read line; echo got $line')).spawn({ foreground: true });
        console.log('pid', String(child.pid), '.');
        for await (const event of events) {
          if (event.child !== child) continue;
          console.log('event', event.type, event.signal || '.');
          console.log(event.type + ': client', inForeground('self'), '.');
          if (event.type === 'stop') await child.signal('SIGCONT');
          if (event.type === 'death') break;
        }
      })();`),
    );
    await terminal.shows('now ready');
    // Process 1 of a pid namespace ignores what a terminal sends by default, but not SIGSTOP from outside.
    process.kill(Number(await terminal.shows(/pid (\d+) \./)), 'SIGSTOP');
    await terminal.shows('event stop SIGSTOP');
    await terminal.shows('stop: client true .');
    await terminal.shows('continue: client false .');
    terminal.type('a word\n');
    await terminal.shows('got a word');
    await terminal.shows('death: client true .');
  },
);

testInTerminal('foreground: a command that fails gives the terminal back', async terminal => {
  terminal.type(
    client(`${prelude}
      (async () => {
        const error = await new unshare.Command('/nowhere').spawn({ foreground: true }).catch(error => error);
        console.log('failed at', error.stage, inForeground('self'), '.');
      })();`),
  );
  await terminal.shows('failed at Exec true .');
});

testInTerminal('foreground: a client in the background does not take the terminal', async terminal => {
  terminal.type(
    client(`${prelude}
      (async () => {
        const child = await shell('sleep 60').spawn({ foreground: true });
        console.log('program', inForeground(child.pid), '.');
        await child.kill();
      })();`).replace('\n', ' &\n'),
  );
  await terminal.shows('program false .');
});

testInTerminal(
  'unshare run: the program reads from the terminal, Ctrl-C ends it, and the shell goes on',
  async terminal => {
    terminal.type(
      cli(`--unshare user --map-root -- sh -c 'echo now $((1 + 1)); read line; echo got $line; read other'`),
    );
    await terminal.shows('now 2');
    terminal.type('a word\n');
    await terminal.shows('got a word');
    terminal.type(CTRL_C);
    await terminal.shows(/\^C[\s\S]*[$#] /);
    terminal.type('echo status $?\n');
    await terminal.shows('status 130');
  },
);

for (const options of ['', '--unshare user --map-root']) {
  testInTerminal(`unshare run ${options}: Ctrl-Z stops the job, and fg continues it`, async terminal => {
    terminal.type(cli(`${options} -- sh -c 'echo now $((1 + 1)); read line; echo got $line; exit 9'`));
    await terminal.shows('now 2');
    terminal.type(CTRL_Z);
    await terminal.shows('Stopped');
    terminal.type('echo the shell has it\n');
    await terminal.shows('\nthe shell has it');
    terminal.type('fg\n');
    // Shown when the job goes on.
    await terminal.shows(/has it[\s\S]*\n.*read line/);
    terminal.type('a word\n');
    await terminal.shows('got a word');
    terminal.type('echo status $?\n');
    await terminal.shows('status 9');
  });
}

testInTerminal('unshare run in the background: it stops when it reads, until fg', async terminal => {
  // The shell says so at once.
  terminal.type('set -b\n');
  terminal.type(cli(`-- sh -c 'read line; echo got $line; exit 9'`).replace('\n', ' &\n'));
  await terminal.shows('Stopped');
  terminal.type('fg\n');
  await terminal.shows(/Stopped[\s\S]*\n.*read line/);
  terminal.type('a word\n');
  await terminal.shows('got a word');
});

testInTerminal(
  'unshare run without a terminal among its descriptors: Ctrl-C is passed on',
  async terminal => {
    const file = path.join(makeScratch(), 'running');
    const script = `trap "exit 7" INT; : > ${file}; while :; do sleep 0.05; done`;
    terminal.type(cli(`--unshare user --map-root -- sh -c '${script}' < /dev/null > /dev/null 2>&1`));
    await until('the program runs', () => existsSync(file), 10_000);
    terminal.type(CTRL_C);
    terminal.type('echo status $?\n');
    await terminal.shows('status 7');
  },
);

test.run();
