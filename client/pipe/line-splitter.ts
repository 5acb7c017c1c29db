import { StringDecoder } from 'string_decoder';

const LINE_END = /\r\n|\n|\r/g;

/**
 * Cuts UTF-8 into lines, whatever pieces it comes in. `\n`, `\r\n` and `\r` end a line, as with Node's `readline`; U+2028 and
 * U+2029 do not, since JSON may contain them.
 */
export class LineSplitter {
  private readonly decoder = new StringDecoder('utf8');
  private rest = '';
  /** The text so far ends with `\r`: a `\n` that follows belongs to it. */
  private endsWithReturn = false;

  /** The lines that `chunk` completes. */
  push(chunk: Uint8Array | string): string[] {
    return this.cut(typeof chunk === 'string' ? chunk : this.decoder.write(Buffer.from(chunk)));
  }

  /** At the end of the text, the lines that are left: at most one, unless the text ends inside of a character. */
  end(): string[] {
    const lines = this.cut(this.decoder.end());
    if (this.rest !== '') lines.push(this.rest);
    this.rest = '';
    return lines;
  }

  private cut(text: string): string[] {
    if (text === '') return [];
    const lines: string[] = [];
    let start = this.endsWithReturn && text[0] === '\n' ? 1 : 0;
    LINE_END.lastIndex = start;
    for (let found = LINE_END.exec(text); found !== null; found = LINE_END.exec(text)) {
      lines.push(this.rest + text.slice(start, found.index));
      this.rest = '';
      start = LINE_END.lastIndex;
    }
    this.rest += text.slice(start);
    this.endsWithReturn = text.endsWith('\r');
    return lines;
  }
}

/** The lines of a whole text. */
export function linesOf(text: string): string[] {
  const splitter = new LineSplitter();
  return [...splitter.push(text), ...splitter.end()];
}
