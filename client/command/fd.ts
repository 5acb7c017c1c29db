import { checkCalls, type Signatures } from '../check/check-calls';
import { setKind } from '../kind';
import type { Path } from '../path';
import {
  FILE_OPTIONS,
  type FileOptions,
  FileToBe,
  type FileToOpen,
  READ_FILE_OPTIONS,
  type ReadFileOptions,
} from './file-to-open';
import { checkDescriptor } from './ids';
import { FileSource, type OpenFile } from './open-file';
import type { DescriptorKind } from './spawn-request';

/**
 * What a program has at a descriptor other than its standard input, output and error (`unshare::Fd` of the
 * crate). Unlike `Stdio`, it says which way the bytes go.
 */
export class Fd {
  private static readonly pipedReadValue = new Fd('piped-read');
  private static readonly pipedWriteValue = new Fd('piped-write');
  private static readonly inheritValue = new Fd('inherit');
  private static readonly readNullValue = new Fd('null-read');
  private static readonly writeNullValue = new Fd('null-write');

  /** So that nothing else passes for one: the types have no other property of it. */
  declare protected readonly type: 'Fd';
  /** @internal */
  readonly kind: DescriptorKind;
  /** @internal */
  readonly file: FileSource | null;
  /** @internal For `file`. */
  readonly opened: FileToOpen | null;
  /** @internal For `same`. */
  readonly target: number | null;

  private constructor(
    kind: DescriptorKind,
    file: FileSource | null = null,
    opened: FileToOpen | null = null,
    target: number | null = null,
  ) {
    this.kind = kind;
    this.file = file;
    this.opened = opened;
    this.target = target;
  }

  /** A new pipe that the program reads from; `Child.takePipeWriter` hands over the other end. */
  static pipedRead(): Fd {
    return Fd.pipedReadValue;
  }

  /** A new pipe that the program writes to; `Child.takePipeReader` hands over the other end. */
  static pipedWrite(): Fd {
    return Fd.pipedWriteValue;
  }

  /**
   * The client's descriptor of the same number, which stays open there; otherwise as `dupFile`.
   */
  static inherit(): Fd {
    return Fd.inheritValue;
  }

  /** An open file of the client, which stays open there; see `Stdio.dupFile`. */
  static dupFile(file: OpenFile): Fd {
    return new Fd('dup-file', new FileSource(file, false));
  }

  /** An open file of the client, which is closed there by the first spawn; see `Stdio.fromFile`. */
  static fromFile(file: OpenFile): Fd {
    return new Fd('from-file', new FileSource(file, true));
  }

  /** A file that the process of the program opens for reading; see `Stdio.file`. */
  static readFile(path: Path, options: ReadFileOptions = {}): Fd {
    return new Fd('file', null, new FileToBe(path, options).forReading('the descriptor'));
  }

  /** A file that the process of the program opens for writing; see `Stdio.file`. */
  static writeFile(path: Path, options: FileOptions = {}): Fd {
    return new Fd('file', null, new FileToBe(path, options).forWriting());
  }

  /** The same open file as the program has at another number; see `Stdio.sameAs`. */
  static sameAs(number: number): Fd {
    return new Fd('same', null, null, checkDescriptor(number));
  }

  /** /dev/null for reading: the program is at the end of the file at once. */
  static readNull(): Fd {
    return Fd.readNullValue;
  }

  /** /dev/null for writing: what the program writes is dropped. */
  static writeNull(): Fd {
    return Fd.writeNullValue;
  }
}

setKind(Fd, 'Fd');

const SIGNATURES: Signatures<typeof Fd> = {
  pipedRead: 0,
  pipedWrite: 0,
  inherit: 0,
  dupFile: 1,
  fromFile: 1,
  readNull: 0,
  writeNull: 0,
  readFile: { most: 2, options: READ_FILE_OPTIONS },
  writeFile: { most: 2, options: FILE_OPTIONS },
  sameAs: 1,
};
checkCalls(Fd, 'Fd', SIGNATURES);
