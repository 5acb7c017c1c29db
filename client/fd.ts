import type { DescriptorKind } from './spawn-request';

/**
 * What a program has at a descriptor other than its standard input, output and error (`unshare::Fd` of the
 * crate). Unlike `Stdio`, it says which way the bytes go.
 */
export class Fd {
  private static readonly pipedReadValue = new Fd('piped-read');
  private static readonly pipedWriteValue = new Fd('piped-write');
  private static readonly readNullValue = new Fd('null-read');
  private static readonly writeNullValue = new Fd('null-write');

  /** @internal */
  readonly kind: DescriptorKind;

  private constructor(kind: DescriptorKind) {
    this.kind = kind;
  }

  /** A new pipe that the program reads from; `Child.takePipeWriter` hands over the other end. */
  static pipedRead(): Fd {
    return Fd.pipedReadValue;
  }

  /** A new pipe that the program writes to; `Child.takePipeReader` hands over the other end. */
  static pipedWrite(): Fd {
    return Fd.pipedWriteValue;
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
