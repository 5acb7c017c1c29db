import { escapeLines, escapeUnprintable } from '../escape';
import type { Finding } from './finding';

/** A line for each finding, and below them the files to install. */
export function printFindings(findings: readonly Finding[]): string {
  const width = Math.max(...findings.map(({ name }) => name.length));
  const lines = findings.map(
    ({ status, name, found, advice }) =>
      `${status.padEnd(8)} ${name.padEnd(width)}  ${oneLine(found)}${advice === null ? '' : ` -> ${oneLine(advice)}`}\n`,
  );
  const files = findings.map(({ install }) =>
    install === null ? '' : `\n${escapeUnprintable(install.path)}:\n\n${escapeLines(install.text)}`,
  );
  return lines.concat(files).join('');
}

/** A path may have a line break. */
function oneLine(text: string): string {
  return escapeUnprintable(text.replace(/\s*[\r\n]+\s*/g, ' '));
}
