import { descriptorName } from '../error/descriptor-name';
import { isKind } from '../kind';
import type { Fd } from './fd';
import { checkInteger, DESCRIPTOR_MAX } from './ids';
import type { DescriptorKind, DescriptorRange, DescriptorRequest } from './spawn-request';
import type { Stdio, StdioKind } from './stdio';

/** The first number that is not standard input, output or error. */
const FIRST = 3;

/** What a program has at its descriptors, and which of them are closed at the last moment. */
export class Descriptors {
  private stdio: [Stdio | null, Stdio | null, Stdio | null] = [null, null, null];
  private readonly others = new Map<number, Fd>();
  private ranges: DescriptorRange[] = [];

  setStdio(number: 0 | 1 | 2, stdio: Stdio): void {
    if (number === 0) stdio.opened?.forReading('stdin');
    this.checkTarget(number, stdio.target);
    this.stdio[number] = stdio;
  }

  set(number: number, fd: Fd): void {
    const checked = checkInteger(number, 'number', FIRST, DESCRIPTOR_MAX);
    if (!isKind(fd, 'Fd')) throw new TypeError('fd must be an Fd');
    this.checkTarget(checked, fd.target);
    this.others.set(checked, fd);
  }

  close(from: number, to: number): void {
    const range = { from: checkInteger(from, 'from', FIRST, DESCRIPTOR_MAX), to: checkEnd(to) };
    if (range.from < range.to) this.ranges.push(range);
  }

  reset(): void {
    this.stdio = [null, null, null];
    this.others.clear();
    this.ranges = [];
  }

  /** Throws a TypeError if `number` would be the same as itself, maybe by way of others. */
  private checkTarget(number: number, first: number | null): void {
    for (let target = first; target !== null; target = this.targetOf(target)) {
      if (target === number) throw new TypeError(`${descriptorName(number)} cannot be the same as itself`);
    }
  }

  private targetOf(number: number): number | null {
    const set = number < FIRST ? this.stdio[number as 0 | 1 | 2] : this.others.get(number);
    return set?.target ?? null;
  }

  /** Throws a TypeError where standard input is set already, and cannot be the option `input`. */
  checkInput(): void {
    if (this.stdio[0] !== null && this.stdio[0].kind !== 'piped') {
      throw new TypeError('options.input cannot be used where stdin is set to something else');
    }
  }

  /** All of it; `stdin` and `stdoutAndStderr` are for those that were not set. */
  request(stdin: StdioKind, stdoutAndStderr: StdioKind) {
    const descriptors: DescriptorRequest[] = [
      toRequest(0, this.stdio[0], stdin),
      toRequest(1, this.stdio[1], stdoutAndStderr),
      toRequest(2, this.stdio[2], stdoutAndStderr),
    ];
    for (const [number, { kind, file, opened, target }] of this.others) {
      descriptors.push({ number, kind, file, opened, target });
    }
    return { descriptors, closeRanges: [...this.ranges] };
  }
}

function checkEnd(to: unknown): number {
  return to === Number.POSITIVE_INFINITY ? to : checkInteger(to, 'to', 0, Number.MAX_SAFE_INTEGER);
}

function toRequest(number: 0 | 1 | 2, stdio: Stdio | null, otherwise: StdioKind): DescriptorRequest {
  return {
    number,
    kind: toKind(stdio?.kind ?? otherwise, number === 0),
    file: stdio?.file ?? null,
    opened: (number === 0 ? stdio?.opened?.forReading('stdin') : stdio?.opened?.forWriting()) ?? null,
    target: stdio?.target ?? null,
  };
}

function toKind(kind: StdioKind, programReads: boolean): DescriptorKind {
  switch (kind) {
    case 'inherit':
    case 'dup-file':
    case 'from-file':
    case 'file':
    case 'same':
      return kind;
    case 'null':
      return programReads ? 'null-read' : 'null-write';
    case 'piped':
      return programReads ? 'piped-read' : 'piped-write';
  }
}
