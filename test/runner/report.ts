/** What came of one test file, or of the helper's unit tests. */
export interface Report {
  /** Of the file and of who ran it. */
  name: string;
  passed: number;
  failures: Failure[];
  skips: Skip[];
  /** All that was written to standard output and standard error. */
  output: string;
  durationMs: number;
}

export interface Failure {
  test: string;
  detail: string;
}

export interface Skip {
  test: string;
  reason: string;
}

/** One line about a report, and its output where something failed. */
export function describe(report: Report): string {
  const { name, passed, failures, skips, durationMs } = report;
  const counts = `${passed} passed, ${failures.length} failed, ${skips.length} skipped`;
  const verdict = failures.length > 0 ? 'FAIL' : 'ok  ';
  const line = `${verdict} ${name}: ${counts} (${(durationMs / 1000).toFixed(1)} s)`;
  return failures.length > 0 ? `${line}\n${indent(report.output)}` : line;
}

/** Every skip and failure again, and the closing line. */
export function summarize(reports: Report[]): string {
  const lines: string[] = [];
  let [passed, failed, skipped] = [0, 0, 0];
  for (const { name, skips } of reports) {
    for (const { test, reason } of skips) lines.push(`skipped  ${name}: ${test}: ${reason}`);
  }
  for (const { name, failures } of reports) {
    for (const { test, detail } of failures) lines.push(`FAILED   ${name}: ${test}\n${indent(detail)}`);
  }
  for (const report of reports) {
    passed += report.passed;
    failed += report.failures.length;
    skipped += report.skips.length;
  }
  lines.push(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  return lines.join('\n');
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, '    ');
}
