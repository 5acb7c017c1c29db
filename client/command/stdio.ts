import { checkCalls, type Signatures } from '../check/check-calls';
import { descriptorName } from '../error/descriptor-name';
import { isKind, setKind } from '../kind';
import type { Path } from '../path';
import { FILE_OPTIONS, type FileOptions, FileToBe } from './file-to-open';
import { checkDescriptor } from './ids';
import { FileSource, type OpenFile } from './open-file';

/** @internal Where a descriptor of the program comes from. */
export type StdioKind = 'inherit' | 'null' | 'piped' | 'dup-file' | 'from-file' | 'file' | 'same';

/**
 * What a command has as its standard input, output or error (`std::process::Stdio`, and that of the crate).
 */
export class Stdio {
  private static readonly pipedValue = new Stdio('piped');
  private static readonly inheritValue = new Stdio('inherit');
  private static readonly nullValue = new Stdio('null');

  /** So that nothing else passes for one: the types have no other property of it. */
  declare protected readonly type: 'Stdio';
  /** @internal */
  readonly kind: StdioKind;
  /** @internal */
  readonly file: FileSource | null;
  /** @internal For `file`. */
  readonly opened: FileToBe | null;
  /** @internal For `same`. */
  readonly target: number | null;

  private constructor(
    kind: StdioKind,
    file: FileSource | null = null,
    opened: FileToBe | null = null,
    target: number | null = null,
  ) {
    this.kind = kind;
    this.file = file;
    this.opened = opened;
    this.target = target;
  }

  /** A new pipe, whose other end is the child's `stdin`, `stdout` or `stderr`. */
  static piped(): Stdio {
    return Stdio.pipedValue;
  }

  /**
   * That of the client, which is the default: the same open file, with its offset and flags. It is the one
   * that the client had when its helper was started.
   */
  static inherit(): Stdio {
    return Stdio.inheritValue;
  }

  /** /dev/null. */
  static null(): Stdio {
    return Stdio.nullValue;
  }

  /**
   * A file that the process of the program opens, as a shell does for `>` and `<`: for writing as standard output or error, for
   * reading as standard input. Opening a FIFO, or a file on a dead mount, blocks that process and nothing else; a `timeout` or an
   * abort ends it.
   *
   * The path is one of the host, and the client's rights open it before root and ids of the program change; with `inside`, it is a
   * path as the program sees it. Symbolic links are followed with the same rights: do not name a file in a directory that the
   * program can write to. A client that is root opens without capabilities if the command has a new user and a new time
   * namespace.
   *
   * Rejects at the stage `StdioError`, with the path as `path`. Needs no helper of its own.
   */
  static file(path: Path, options: FileOptions = {}): Stdio {
    return new Stdio('file', null, new FileToBe(path, options));
  }

  /**
   * The same open file as the program has at another number: `stderr(Stdio.sameAs(1))` is the shell's `2>&1`. The order of the calls
   * does not matter. What would be the same as itself is a TypeError at once, and a number that the program does not have is one at
   * the spawn.
   */
  static sameAs(number: number): Stdio {
    return new Stdio('same', null, null, checkDescriptor(number));
  }

  /**
   * An open file of the client, which stays open there: a descriptor, a `FileHandle`, or any object with `fd`. The
   * program shares the open file, with its offset and flags (`man 2 dup`). It is looked up at the spawn; one that is
   * closed then rejects at the stage `StdioError`, EBADF.
   *
   * A command with such a descriptor is started by a helper of its own, which costs what `child_process.spawn` costs.
   */
  static dupFile(file: OpenFile): Stdio {
    return new Stdio('dup-file', new FileSource(file, false));
  }

  /**
   * The same, but closed in the client by the first spawn, be it a success or not, by its `close` method where it has
   * one. Another spawn rejects at the stage `StdioError`, EBADF.
   */
  static fromFile(file: OpenFile): Stdio {
    return new Stdio('from-file', new FileSource(file, true));
  }
}

setKind(Stdio, 'Stdio');

const SIGNATURES: Signatures<typeof Stdio> = {
  piped: 0,
  inherit: 0,
  null: 0,
  dupFile: 1,
  fromFile: 1,
  file: { most: 2, options: FILE_OPTIONS },
  sameAs: 1,
};
checkCalls(Stdio, 'Stdio', SIGNATURES);

/** What the builder takes for a `Stdio`. */
export type StdioLike = Stdio | 'inherit' | 'null' | 'piped' | 'ignore' | 'pipe' | OpenFile;

/** The `Stdio` that `value` stands for at this number. Throws a TypeError, naming the argument, where it stands for none. */
export function toStdio(value: StdioLike, number: 0 | 1 | 2): Stdio {
  if (isKind(value, 'Stdio')) return value as Stdio;
  switch (value) {
    case 'piped':
    case 'pipe':
      return Stdio.piped();
    case 'inherit':
      return Stdio.inherit();
    case 'null':
    case 'ignore':
      return Stdio.null();
    default:
      if (isOpenFile(value)) return isOwnStream(value, number) ? Stdio.inherit() : Stdio.dupFile(value);
      throw new TypeError(
        `${descriptorName(number)} must be a Stdio, an open file, 'piped', 'pipe', 'inherit', 'null' or 'ignore'`,
      );
  }
}

function isOpenFile(value: unknown): value is OpenFile {
  return typeof value === 'number' || typeof (value as { fd?: unknown } | null)?.fd === 'number';
}

/** Whether it is what Node has made of the client's own descriptor of this number, for which the shared helper will do. */
function isOwnStream(value: OpenFile, number: number): boolean {
  return (
    typeof value === 'object' && value.fd === number && (value as { _isStdio?: unknown })._isStdio === true
  );
}
