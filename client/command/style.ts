import { checkCalls, type Signatures } from '../check/check-calls';
import { setKind } from '../kind';
/**
 * How a command is shown (`unshare::Style` of the crate). A style does not change: its methods return
 * another one.
 */
export class Style {
  /** @internal Whether there is nothing but program and arguments. */
  readonly isShort: boolean;
  /** @internal */
  readonly showsEnvironment: boolean;
  /** @internal */
  readonly showsPath: boolean;

  private constructor(isShort: boolean, showsEnvironment: boolean, showsPath: boolean) {
    this.isShort = isShort;
    this.showsEnvironment = showsEnvironment;
    this.showsPath = showsPath;
    Object.freeze(this);
  }

  /** Everything that is set, on one line; what `util.inspect` shows of a command. */
  static debug(): Style {
    return new Style(false, true, true);
  }

  /**
   * The name of the program, which is the last component of argv[0], and the arguments, each in quotes. It is
   * for people: much of the command is not in it.
   */
  static short(): Style {
    return new Style(true, false, false);
  }

  /**
   * Whether the environment is shown, which it is by default; otherwise there is the number of its variables
   * only, as `environ[12]`. Does nothing to `Style.short()`.
   */
  env(show: boolean): Style {
    return new Style(this.isShort, checkBoolean(show, 'env'), this.showsPath);
  }

  /**
   * Whether the path of the program is shown instead of its name, which it is not by default. Where argv[0]
   * is not the same, it follows in parentheses. Does nothing to `Style.debug()`.
   */
  path(show: boolean): Style {
    return new Style(this.isShort, this.showsEnvironment, checkBoolean(show, 'path'));
  }
}

setKind(Style, 'Style');

const SIGNATURES: Signatures<Style> = { env: 1, path: 1 };
checkCalls(Style.prototype, 'Style', SIGNATURES);
const STATIC_SIGNATURES: Signatures<typeof Style> = { debug: 0, short: 0 };
checkCalls(Style, 'Style', STATIC_SIGNATURES);

function checkBoolean(value: unknown, name: string): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${name} must be a boolean`);
  return value;
}
