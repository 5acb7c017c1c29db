// What users write, and what the types are to refuse: compiled, never run. See test/package/types.test.ts.

import { open } from 'fs/promises';
import {
  type AbortSignalLike,
  type Bytes,
  Capability,
  type Child,
  type ChildEvent,
  Command,
  childEvents,
  ExitError,
  type ExitStatus,
  Fd,
  type FileOptions,
  type FileUrl,
  type FindOptions,
  GidMap,
  type GidMapRow,
  Helper,
  type HelperOptions,
  type Input,
  type LimitError,
  type MountPropagation,
  Namespace,
  type NamespaceSource,
  O_NOCTTY,
  O_RDWR,
  type OpenFile,
  type Output,
  type OutputOptions,
  type Path,
  type PipeReader,
  type PipeWriter,
  PR_SET_NO_NEW_PRIVS,
  type Printer,
  type ReapedChild,
  type ResourceUsage,
  reapZombies,
  Signal,
  type SignalOptions,
  type SpawnOptions,
  type Stage,
  type StatusOptions,
  Stdio,
  type StdioLike,
  type Step,
  type StepArgument,
  type StepResult,
  Style,
  type SyncOptions,
  type SyncOutputOptions,
  type SyncTextOutputOptions,
  step,
  type TextOutputOptions,
  UidMap,
  type UidMapRow,
  UnshareError,
} from 'unshare';

/** Whether two types are the same. */
type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
declare function same<A, B>(yes: Same<A, B>): void;

const bytes: Bytes = new Uint8Array(1);
const uidRow: UidMapRow = { insideUid: 0, outsideUid: 1000, count: 1 };
const gidRow: GidMapRow = { insideGid: 0, outsideGid: 1000, count: 1 };
const propagation: MountPropagation = 'slave';

export function build(variables: Record<string, string | undefined>): Command {
  return new Command('/bin/sh')
    .arg('-c')
    .args(new Set(['echo', bytes, Buffer.from('x')]))
    .arg0('sh')
    .env('KEY', 'value')
    .envs(process.env)
    .envs(variables)
    .envs(new Map([['A', 'b']]))
    .envRemove('HOME')
    .envClear()
    .envVarWithPid('LISTEN_PID')
    .currentDir('/')
    .stdin('piped')
    .stdout(Stdio.null())
    .stderr(Stdio.dupFile(2))
    .fileDescriptor(3, Fd.pipedRead())
    .fileDescriptor(4, Fd.fromFile({ fd: 7 }))
    .closeFds()
    .closeFds(3, 10)
    .unshare('user', Namespace.Pid)
    .unshare(new Set<Namespace>(['net']))
    .mountPropagation(propagation)
    .setNamespace('/proc/1/ns/net', 'net')
    .setNamespace({ pid: 1 }, Namespace.Net)
    .setIdMaps([uidRow, new UidMap(1, 100000, 65536)], [gidRow, new GidMap(1, 100000, 65536)])
    .setIdMapCommands('/usr/bin/newuidmap', '/usr/bin/newgidmap')
    .uid(0)
    .gid(0)
    .groups([1, 2])
    .keepCaps(['CAP_CHOWN', Capability.CAP_KILL])
    .chrootDir('/srv')
    .pivotRoot('/srv', '/srv/old', true)
    .makeGroupLeader()
    .newSession()
    .newSession(false)
    .allowDaemonize()
    .setParentDeathSignal(Signal.SIGTERM)
    .setParentDeathSignal(9)
    .keepSigmask()
    .beforeUnfreeze(async pid => same<typeof pid, number>(true))
    .preExec([
      step.syscall('prctl', PR_SET_NO_NEW_PRIVS, 1, BigInt(0), 0, 0),
      step.allowFailure(step.syscall('openat', -100, '/dev/tty', O_RDWR | O_NOCTTY)),
      step.syscall('close', step.result(1)),
    ])
    .resetFds();
}

export async function run(command: Command, helper: Helper): Promise<void> {
  const controller = new AbortController();
  const signal: AbortSignalLike = controller.signal;
  const options: SpawnOptions = { helper, signal, timeout: 1000, killSignal: 'SIGTERM', foreground: true };
  const child = await command.spawn(options);
  same<typeof child, Child>(true);
  same<Child['pid'], number>(true);
  same<Child['stdin'], PipeWriter | null>(true);
  same<Child['stdout'], PipeReader | null>(true);
  child.stdin?.end('text');
  if (child.stdout) {
    const stream: NodeJS.ReadableStream = child.stdout;
    for await (const chunk of stream) console.log(chunk);
    same<ReturnType<PipeReader['text']>, Promise<string>>(true);
    const fd: number = child.stdout.intoFd();
    console.log(fd);
  }
  const reader: PipeReader | null = child.takePipeReader(5);
  const writer: PipeWriter | null = child.takePipeWriter(6);
  console.log(reader?.readable, writer?.writable);
  await child.signal('SIGHUP');
  await child.signal(34);
  child.ref();
  child.unref();
  await child.kill();
  const status: ExitStatus = await child.wait();
  same<ExitStatus['code'], number | null>(true);
  same<ExitStatus['signal'], Signal | null>(true);
  const usage: ResourceUsage = status.resourceUsage;
  console.log(usage, status.success, `${status}`);

  const input: Input = 'text';
  const forOutput: OutputOptions = { ...options, input, maxBuffer: 10 };
  const output: Output = await command.output(forOutput);
  const text: string = output.stdout.toString('utf8');
  console.log(text, (await command.status()).code);

  const now: SyncOptions = { timeout: 100 };
  const nowWithOutput: SyncOutputOptions = { ...now, input: Buffer.from('x') };
  console.log(command.statusSync(now).success, command.outputSync(nowWithOutput).stderr.length);
  const printer: Printer = command.display(Style.short().path(true));
  console.log(printer.toString(), Style.debug().env(false));
}

export async function follow(): Promise<void> {
  for await (const event of childEvents({ signal: new AbortController().signal })) {
    same<typeof event, ChildEvent>(true);
    switch (event.type) {
      case 'death':
        console.log(event.status.code);
        break;
      case 'stop':
        console.log(event.signal);
        break;
      case 'continue':
        console.log(event.pid, event.child?.pid);
        break;
      default:
        same<typeof event, never>(true);
    }
  }
  for await (const reaped of reapZombies()) {
    same<typeof reaped, ReapedChild>(true);
    const [pid, status] = reaped;
    same<typeof pid, number>(true);
    same<typeof status, ExitStatus>(true);
  }
}

export function explain(error: unknown): string {
  if (error instanceof UnshareError) {
    const stage: Stage = error.stage;
    same<UnshareError['errno'], number | null>(true);
    same<UnshareError['stderr'], Buffer | null>(true);
    return `${stage} ${error.code} ${error.syscall} ${error.item} ${error.path} ${error.hint} ${error.rawOsError()}`;
  }
  const limit = error as LimitError;
  return limit.code === 'ETIMEDOUT' ? limit.stdout.toString() : limit.code;
}

export async function values(): Promise<void> {
  const helperOptions: HelperOptions = { path: '/srv/helper', subreaper: true };
  const helper = new Helper(helperOptions);
  const pid: number | null = helper.pid;
  await helper.close();
  same<ReturnType<typeof Helper.shared>, Helper>(true);
  const file = await open('/dev/null');
  const openFile: OpenFile = file;
  const source: NamespaceSource = file;
  const stdio: StdioLike = Stdio.fromFile(openFile);
  const argument: StepArgument = step.result(0);
  const result: StepResult = step.result(1);
  const steps: Step[] = [step.syscall('close', argument), step.syscall('close', result)];
  new Command('/bin/true').setNamespace(source, 'mount').stdin(stdio).preExec(steps);
  console.log(pid);
}

export async function misuse(command: Command, child: Child): Promise<void> {
  // @ts-expect-error a program
  new Command();
  // @ts-expect-error is one path, not a list
  new Command(['/bin/sh', '-c']);
  // @ts-expect-error arguments are text or bytes
  command.arg(1);
  // @ts-expect-error a string is no list of arguments that anybody means; see `args`
  command.args(5);
  // @ts-expect-error no such mode
  command.stdin('pipes');
  // @ts-expect-error an `Fd`, not a `Stdio`
  command.fileDescriptor(3, Stdio.piped());
  // @ts-expect-error a `Stdio`, not an `Fd`
  command.stdin(Fd.pipedRead());
  // @ts-expect-error no such namespace
  command.unshare('network');
  // @ts-expect-error no such mode
  command.mountPropagation('rslave');
  // @ts-expect-error rows of one kind for the other
  command.setIdMaps([gidRow], [uidRow]);
  // @ts-expect-error a user's name is not looked up
  command.uid('root');
  // @ts-expect-error capabilities have their full names
  command.keepCaps(['CHOWN']);
  // @ts-expect-error signals too
  command.setParentDeathSignal('TERM');
  // @ts-expect-error whether the old root goes has to be said
  command.pivotRoot('/srv', '/srv/old');
  // @ts-expect-error data, not a function
  command.preExec(() => {});
  // @ts-expect-error not a shell's redirection
  command.stdout('> file');
  // @ts-expect-error no such option
  await command.spawn({ shell: true });
  // @ts-expect-error check is for the calls that wait
  await command.spawn({ check: true });
  // @ts-expect-error bytes have no encoding
  same<ReturnType<typeof command.outputSync>['stdout'], string>(true);
  // @ts-expect-error and so it is with the call that waits
  command.statusSync({ input: 'text' });
  // @ts-expect-error an exit status is no number
  const code: number = await child.wait();
  // @ts-expect-error there may be no pipe
  child.stdout.text();
  // @ts-expect-error it stays what it is
  child.pid = 1;
  // @ts-expect-error only `Stdio.piped()` and the like make one
  new Stdio();
  // @ts-expect-error nor is there one of these for users to make
  new Style();
  console.log(code);
}

const url: FileUrl = new URL('file:///bin/cat');
const program: Path = url;
new Command(program).currentDir(url).output({ input: Uint16Array.of(1), drainTimeout: 100 });
new Command('/bin/cat').outputSync({ input: new DataView(new ArrayBuffer(1)), drainTimeout: 0 });
// @ts-expect-error An argument is no path.
new Command(url).arg(url);

export async function reach(command: Command, child: Child): Promise<void> {
  const where: FindOptions = { path: ['/bin', '/usr/bin'] };
  new Command(Command.find('git', where), ['status', bytes]).mapRoot().mapCurrentUser().mapAuto();
  const how: FileOptions = { append: true, create: false, mode: 0o600, inside: true };
  command.stdin('pipe').stdout('ignore').stderr(Stdio.sameAs(1)).stdout(process.stdout).stdin(0);
  command
    .stdout(Stdio.file('/tmp/log', how))
    .stdin(Stdio.file(url))
    .fileDescriptor(3, Fd.readFile('/etc/passwd'));
  command.fileDescriptor(4, Fd.writeFile('/tmp/x', { read: true })).fileDescriptor(5, Fd.sameAs(4));
  const text: TextOutputOptions = { encoding: 'utf8', check: true, killGroup: true };
  const output = await command.output(text);
  same<typeof output, Output<string>>(true);
  same<typeof output.stdout, string>(true);
  same<ReturnType<typeof output.lines>, string[]>(true);
  const bytesOutput = command.outputSync({ check: true });
  same<typeof bytesOutput.stdout, Buffer>(true);
  same<typeof bytesOutput.durationMs, number>(true);
  const now: SyncTextOutputOptions = { encoding: 'latin1' };
  console.log(command.outputSync(now).stderr.trim(), bytesOutput.json<{ a: number }>().a);
  const options: StatusOptions = { check: true, input: 'text' };
  await command.status(options);
  const how2: SignalOptions = { group: true };
  await child.signal('SIGTERM', how2);
  await child.kill({ group: true });
  for await (const line of child.stdout!.lines()) same<typeof line, string>(true);
  const error: unknown = null;
  if (error instanceof ExitError) console.log(error.status.code, error.command, error.stderr.toString());
}
new Command('/bin/true').spawn({ killSignal: 'SIGTERM', forceKillAfter: 100 });
new Command('/bin/true').statusSync({ forceKillAfter: false });
// @ts-expect-error: false or a time
new Command('/bin/true').spawn({ forceKillAfter: true });
// The short display.
`${new Command('/bin/true')}`.length;
// @ts-expect-error: no such option
new Command('/bin/true').output({ timeOut: 10 });
// @ts-expect-error: one argument
new Command('/bin/true').arg('a', 'b');
// @ts-expect-error: no such option
new Helper({ subReaper: true });
// @ts-expect-error: no argument
reapZombies(1);
// @ts-expect-error: one argument
childEvents({}, 1);
