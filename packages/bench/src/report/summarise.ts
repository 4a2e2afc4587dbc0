import type { Comparison } from '../compare/compare-with-log.ts';
import type { Measurement } from '../measure/load-server.ts';
import { median } from '../measure/median.ts';
import type { BenchCase, Reference } from './bench-report.ts';

/** One case out of its runs. */
export function summarise(name: string, runs: readonly Measurement[]): BenchCase {
  const rates = runs.map(({ eventsPerSecond }) => eventsPerSecond);
  const defined = (pick: (run: Measurement) => number | undefined) => runs.flatMap((run) => pick(run) ?? []);
  const medianOf = (pick: (run: Measurement) => number | undefined) => {
    const values = defined(pick);
    return values.length === 0 ? undefined : rounded(median(values), 2);
  };
  const peaks = defined(({ report }) => report.peakRssMb);
  const comparisons = runs.flatMap(({ comparison }) => comparison ?? []);
  return {
    case: name,
    runs: runs.length,
    eventsPerSecond: Math.round(median(rates)),
    eventsPerSecondMin: Math.round(Math.min(...rates)),
    eventsPerSecondMax: Math.round(Math.max(...rates)),
    cpuMicrosPerEvent: medianOf((run) => run.cpuMicrosPerEvent.server),
    brokerMicrosPerEvent: medianOf((run) => run.cpuMicrosPerEvent.broker),
    loadMicrosPerEvent: medianOf((run) => run.cpuMicrosPerEvent.load),
    p50Ms: medianOf(({ report }) => report.measured.p50Ms),
    p99Ms: medianOf(({ report }) => report.measured.p99Ms),
    rssMb: peaks.length === 0 ? undefined : Math.round(Math.max(...peaks)),
    shedPerSecond: medianOf(({ report }) => report.measured.shed / report.seconds),
    unsentPerSecond: medianOf(({ report }) => report.measured.unsent / report.seconds),
    comparison: comparisons.length === 0 ? undefined : comparisons.reduce(sum),
  };
}

/** The case beside what was measured in the same run. */
export function beside(found: BenchCase, { limit, obvious }: { limit?: Reference; obvious?: Reference }): BenchCase {
  const over = (reference: Reference | undefined) =>
    reference && reference.eventsPerSecond > 0
      ? rounded(found.eventsPerSecond / reference.eventsPerSecond, 3)
      : undefined;
  return { ...found, limit, ratio: over(limit), obvious, ratioToObvious: over(obvious) };
}

export const asReference = ({ case: name, eventsPerSecond }: BenchCase): Reference => ({ name, eventsPerSecond });

function sum(a: Comparison, b: Comparison): Comparison {
  return {
    acknowledged: a.acknowledged + b.acknowledged,
    inLog: a.inLog + b.inLog,
    missing: a.missing + b.missing,
    duplicates: a.duplicates + b.duplicates,
    unacknowledged: a.unacknowledged + b.unacknowledged,
    foreign: a.foreign + b.foreign,
  };
}

export const rounded = (value: number, digits: number): number => Number(value.toFixed(digits));
