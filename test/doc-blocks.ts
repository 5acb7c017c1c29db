import { existsSync, readdirSync, readFileSync } from 'fs';
import * as path from 'path';
import { packageRoot } from './support';

/** A fenced block of a document, and what is said about it. */
export interface Block {
  /** Relative to the package. */
  file: string;
  /** Of the fence, counted from 1. */
  line: number;
  language: string;
  code: string;
  /** The comment above, without its marks; null where there is none. */
  marker: string | null;
  /** The `text` block that follows it, with one line between at most; null where there is none. */
  prints: string | null;
}

/** README.md and what is in docs/, but for the API reference, which is generated. */
export function documents(): string[] {
  const guides = readdirSync(path.join(packageRoot, 'docs')).filter(name => name.endsWith('.md'));
  return ['README.md', ...guides.sort().map(name => `docs/${name}`)];
}

export function readDocument(file: string): string {
  return readFileSync(path.join(packageRoot, file), 'utf8');
}

/** The blocks of a document, in order. */
export function blocksOf(file: string, text = readDocument(file)): Block[] {
  const lines = text.split('\n');
  const blocks: Block[] = [];
  for (let i = 0; i < lines.length; i += 1) {
    const fence = /^(`{3,})(.*)$/.exec(lines[i]!);
    if (fence === null) continue;
    const end = lines.indexOf(fence[1]!, i + 1);
    if (end === -1) throw new Error(`${file}:${i + 1}: a block without an end`);
    const code = lines.slice(i + 1, end).join('\n');
    const marker = /^<!-- (.*) -->$/.exec(lineAbove(lines, i))?.[1] ?? null;
    blocks.push({ file, line: i + 1, language: fence[2]!, code, marker, prints: outputAfter(lines, end) });
    i = end;
  }
  return blocks;
}

function lineAbove(lines: readonly string[], index: number): string {
  let above = index - 1;
  while (lines[above] === '') above -= 1;
  return lines[above] ?? '';
}

function outputAfter(lines: readonly string[], end: number): string | null {
  let next = nextLine(lines, end);
  if (/^\w/.test(lines[next] ?? '')) next = nextLine(lines, next);
  if (lines[next] !== '```text') return null;
  return lines.slice(next + 1, lines.indexOf('```', next)).join('\n');
}

/** The index of the next line that is not empty. */
function nextLine(lines: readonly string[], index: number): number {
  let next = index + 1;
  while (lines[next] === '') next += 1;
  return next;
}

/** The relative links of a document to files that are not there. */
export function brokenLinks(file: string): string[] {
  const links = readDocument(file).match(/\]\((?!https?:)[^)#]+/g) ?? [];
  return links
    .map(link => link.slice(2))
    .filter(link => !existsSync(path.join(packageRoot, path.dirname(file), link)));
}
