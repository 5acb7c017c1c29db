/** @internal Where a descriptor of the program comes from. */
export type StdioKind = 'inherit' | 'null' | 'piped';

/**
 * What a command has as its standard input, output or error (`std::process::Stdio`, and that of the crate).
 */
export class Stdio {
  private static readonly pipedValue = new Stdio('piped');
  private static readonly inheritValue = new Stdio('inherit');
  private static readonly nullValue = new Stdio('null');

  /** @internal */
  readonly kind: StdioKind;

  private constructor(kind: StdioKind) {
    this.kind = kind;
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
}

/** What the builder takes for a `Stdio`. */
export type StdioLike = Stdio | 'inherit' | 'null' | 'piped';

/** The `Stdio` that `value` stands for. Throws a TypeError, naming the argument, where it stands for none. */
export function toStdio(value: StdioLike, name: string): Stdio {
  if (value instanceof Stdio) return value;
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
