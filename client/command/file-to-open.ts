import { knownOptions } from '../check/check-options';
import { type Path, toPath } from '../path';
import { checkInteger } from './ids';
import { checkBoolean } from './run-options';

/** How `Stdio.file` and `Fd.writeFile` open a file. */
export interface FileOptions {
  /** What is written goes to the end of the file, whoever else writes (O_APPEND in `man 2 open`). Default: false. */
  append?: boolean;
  /** A file that is missing is created. Default: true, and false as standard input. */
  create?: boolean;
  /** The file is emptied first. Default: unless `append` or `read`. */
  truncate?: boolean;
  /** Permissions of a file that is created, less the umask. Default: 0o666. */
  mode?: number;
  /** The program may read from it too. Standard input can only be read. Default: false. */
  read?: boolean;
  /**
   * The path is as the program sees it: inside its root, from its working directory, and opened with its ids. Default: a path of
   * the host, from the client's working directory, opened with the client's rights.
   */
  inside?: boolean;
}

/** How `Fd.readFile` opens a file. */
export type ReadFileOptions = Pick<FileOptions, 'inside'>;

export const FILE_OPTIONS = knownOptions<FileOptions>({
  append: true,
  create: true,
  inside: true,
  mode: true,
  read: true,
  truncate: true,
});
export const READ_FILE_OPTIONS = knownOptions<ReadFileOptions>({ inside: true });

/** A file that the process of the program opens. */
export interface FileToOpen {
  readonly path: Uint8Array;
  readonly read: boolean;
  readonly write: boolean;
  readonly append: boolean;
  readonly create: boolean;
  readonly truncate: boolean;
  readonly mode: number;
  readonly inside: boolean;
}

const MODE_MAX = 0o7777;

/** A file of which it is not yet known whether it is read or written. */
export class FileToBe {
  private readonly path: Buffer;
  private readonly options: FileOptions;

  /** Throws for a path or options that are none. */
  constructor(path: Path, options: FileOptions) {
    this.path = toPath(path, 'path');
    if (this.path.length === 0) throw new TypeError('path must not be empty');
    if (typeof options !== 'object' || options === null) throw new TypeError('options must be an object');
    for (const name of ['append', 'create', 'truncate', 'read', 'inside'] as const) {
      checkBoolean(options[name], name);
    }
    if (options.mode !== undefined) checkInteger(options.mode, 'options.mode', 0, MODE_MAX);
    this.options = { ...options };
  }

  /** Throws a TypeError that names the argument, `name`, for options that are for writing only. */
  forReading(name: string): FileToOpen {
    for (const option of ['append', 'create', 'truncate'] as const) {
      if (this.options[option]) throw new TypeError(`${name} is read: options.${option} cannot be true`);
    }
    if (this.options.read === false) throw new TypeError(`${name} is read: options.read cannot be false`);
    const { inside = false } = this.options;
    const writing = { write: false, append: false, create: false, truncate: false, mode: 0 };
    return { path: this.path, read: true, ...writing, inside };
  }

  forWriting(): FileToOpen {
    const { append = false, create = true, read = false, mode = 0o666, inside = false } = this.options;
    const { truncate = !append && !read } = this.options;
    return { path: this.path, read, write: true, append, create, truncate, mode, inside };
  }
}
