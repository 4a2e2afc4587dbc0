import { holds } from '../compare/compare-with-log.ts';
import type { Measurement } from '../measure/load-server.ts';

/** What must hold in every run, fast or slow: sentences about what does not. */
export function failuresOf(name: string, runs: readonly Measurement[]): string[] {
  return runs.flatMap(({ report, comparison }) => {
    const { refused, lost, connectionsRefused, shedWithoutRetryAfter } = report.whole;
    const faults: [count: number, sentence: string][] = [
      [refused, `${refused} requests got an error: ${report.firstFault}`],
      [lost, `${lost} requests were never answered: ${report.firstFault}`],
      [connectionsRefused, `${connectionsRefused} connections were refused`],
      [shedWithoutRetryAfter, `${shedWithoutRetryAfter} answers of 429 or 503 were without Retry-After`],
    ];
    const found = faults.flatMap(([count, sentence]) => (count > 0 ? [`${name}: ${sentence}`] : []));
    if (report.whole.acknowledged === 0) found.push(`${name}: nothing was acknowledged`);
    if (comparison && !holds(comparison))
      found.push(`${name}: not what was acknowledged: ${JSON.stringify(comparison)}`);
    return found;
  });
}
