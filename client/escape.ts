/**
 * Code points that terminals act on, that people cannot see, or that look like a space: control characters (Cc), format
 * characters with the bidirectional ones among them (Cf), separators other than the space (Z), surrogates (Cs), private use (Co),
 * noncharacters, and the rest of Default_Ignorable_Code_Point, as of Unicode 17. Written down, as `\p{…}` is another set on each
 * runtime.
 */
const UNPRINTABLE = new RegExp(
  `[${[
    '\\u{0}-\\u{1f}\\u{7f}-\\u{a0}\\u{ad}\\u{34f}\\u{600}-\\u{605}\\u{61c}\\u{6dd}\\u{70f}\\u{890}\\u{891}\\u{8e2}',
    '\\u{115f}\\u{1160}\\u{1680}\\u{17b4}\\u{17b5}\\u{180b}-\\u{180f}',
    '\\u{2000}-\\u{200f}\\u{2028}-\\u{202f}\\u{205f}-\\u{206f}\\u{2800}\\u{3000}\\u{3164}',
    // With the flag `u`, a surrogate is one that has no other half.
    '\\u{d800}-\\u{f8ff}\\u{fdd0}-\\u{fdef}\\u{fe00}-\\u{fe0f}\\u{feff}\\u{ffa0}\\u{fff0}-\\u{fffb}\\u{fffe}\\u{ffff}',
    '\\u{110bd}\\u{110cd}\\u{13430}-\\u{1343f}\\u{1bca0}-\\u{1bca3}\\u{1d173}-\\u{1d17a}',
    ...[1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12].map(
      plane => `\\u{${plane.toString(16)}fffe}\\u{${plane.toString(16)}ffff}`,
    ),
    '\\u{dfffe}-\\u{e0fff}\\u{efffe}-\\u{10ffff}',
  ].join('')}]`,
  'gu',
);

/** As in JSON; `\xNN` is for bytes that are not UTF-8. */
const SHORT: Readonly<Record<string, string>> = {
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
};

/**
 * `text` for people: everything in it that is not printable is escaped as in JSON strings. U+009B, for instance, starts a terminal's
 * control sequence as ESC does, and U+202E reverses the text that follows. Every text that may hold a program's or a stranger's
 * words goes through this before it is shown.
 */
export function escapeUnprintable(text: string): string {
  return text.replace(UNPRINTABLE, escapeCharacter);
}

/** The same for a text of several lines, which stay lines. */
export function escapeLines(text: string): string {
  return text.split('\n').map(escapeUnprintable).join('\n');
}

/** `text` in double quotes, as by `JSON.stringify`, and with everything escaped that is not printable. */
export function quote(text: string): string {
  return escapeUnprintable(JSON.stringify(text));
}

function escapeCharacter(character: string): string {
  const short = SHORT[character];
  if (short !== undefined) return short;
  let escaped = '';
  for (let index = 0; index < character.length; index += 1) {
    escaped += `\\u${character.charCodeAt(index).toString(16).padStart(4, '0')}`;
  }
  return escaped;
}
