/** What came of an import. */
export interface ImportReport {
  /** Lines read, empty ones not counted. */
  lines: number;
  /** Events that the API acknowledged; those that were stored before are among them, and are not stored again. */
  accepted: number;
  /** Lines that were refused, here or by the API. */
  refused: number;
  /** Refused lines by the code of their first error. */
  refusedByCode: Readonly<Record<string, number>>;
  /** Sessions found in an access log; undefined for NDJSON, whose events name theirs. */
  sessions: number | undefined;
  /** Lines of which a field was cut to the length that an event may hold. */
  cut: number;
  seconds: number;
  /** Stopped by its signal before the end. */
  interrupted: boolean;
}

/** The last lines that an import prints; `complete`: all of the input was sent. */
export function summaryOf(report: ImportReport, complete: boolean): string[] {
  const { lines, accepted, refused, refusedByCode, sessions, cut, seconds, interrupted } = report;
  const number = (n: number): string => n.toLocaleString('en');
  const rate = seconds > 0 ? Math.round(accepted / seconds) : accepted;
  const found = sessions === undefined ? '' : `, ${number(sessions)} sessions`;
  const summary = [
    `${number(lines)} lines${found}: ${number(accepted)} events accepted, ${number(refused)} lines refused, in ${seconds.toFixed(1)} s (${number(rate)} events/s)`,
  ];
  if (refused > 0) {
    const reasons = Object.entries(refusedByCode).sort(([, a], [, b]) => b - a);
    summary.push(`refused: ${reasons.map(([code, count]) => `${code} ${number(count)}`).join(', ')}`);
  }
  if (refusedByCode.time_too_old) {
    summary.push('time_too_old: history needs a key made with `wayline admin create-key --allow-import`');
  }
  if (cut > 0) summary.push(`${number(cut)} lines had a field longer than an event may hold; it was cut`);
  if (!complete) {
    const what = interrupted ? 'interrupted' : 'stopped before the end';
    summary.push(`${what}; run it again to import the rest: what is stored already is not stored twice`);
  }
  return summary;
}
