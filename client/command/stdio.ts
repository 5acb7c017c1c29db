import { isKind, setKind } from '../kind';
import { FileSource, type OpenFile } from './open-file';

/** @internal Where a descriptor of the program comes from. */
export type StdioKind = 'inherit' | 'null' | 'piped' | 'dup-file' | 'from-file';

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

  private constructor(kind: StdioKind, file: FileSource | null = null) {
    this.kind = kind;
    this.file = file;
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

/** What the builder takes for a `Stdio`. */
export type StdioLike = Stdio | 'inherit' | 'null' | 'piped';

/** The `Stdio` that `value` stands for. Throws a TypeError, naming the argument, where it stands for none. */
export function toStdio(value: StdioLike, name: string): Stdio {
  if (isKind(value, 'Stdio')) return value as Stdio;
  switch (value) {
    case 'piped':
      return Stdio.piped();
    case 'inherit':
      return Stdio.inherit();
    case 'null':
      return Stdio.null();
    default:
      throw new TypeError(`${name} must be a Stdio, 'piped', 'inherit' or 'null'`);
  }
}
