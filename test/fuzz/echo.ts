import { type ChildProcess, spawn } from 'child_process';
import { encodeFrame, FrameDecoder } from '../../client/protocol/codec';

/** What the helper's code has made of a message: the message, encoded again, or the name of an error. */
export type Echo = { message: Buffer } | { error: string };

/** The helper's decoder and encoder, one behind the other, in a process (helper/fuzz/echo.zig). */
export class EchoProcess {
  private readonly process: ChildProcess;
  private readonly waiting: { resolve(echo: Echo): void; reject(error: Error): void }[] = [];
  private readonly decoder = new FrameDecoder(2 ** 26);

  constructor(program: string) {
    this.process = spawn(program, ['--echo'], { stdio: ['pipe', 'pipe', 'inherit'] });
    this.process.stdout!.on('data', (chunk: Buffer) => this.take(chunk));
    // Of a process that has ended; its end says why.
    this.process.stdin!.on('error', () => {});
    this.process.on('close', code => {
      const error = new Error(`the helper's code has ended the process with status ${code}`);
      for (const { reject } of this.waiting.splice(0)) reject(error);
    });
  }

  /** For ToHelper and ToClient. All of them go at once. */
  echo(kind: 'ToHelper' | 'ToClient', messages: readonly Uint8Array[]): Promise<Echo[]> {
    const tag = Buffer.of(kind === 'ToHelper' ? 0 : 1);
    const answers = messages.map(
      () => new Promise<Echo>((resolve, reject) => this.waiting.push({ resolve, reject })),
    );
    this.process.stdin!.write(Buffer.concat(messages.map(body => Buffer.concat([tag, encodeFrame(body)]))));
    return Promise.all(answers);
  }

  end(): void {
    this.process.stdin!.end();
  }

  private take(chunk: Buffer): void {
    for (const body of this.decoder.decode(chunk)) {
      const rest = Buffer.from(body.subarray(1));
      this.waiting.shift()!.resolve(body[0] === 0 ? { message: rest } : { error: rest.toString() });
    }
  }
}
