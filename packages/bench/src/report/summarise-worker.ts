import type { StoreComparison } from '../compare/compare-with-store.ts';
import type { CopyReport } from '../load/run-copy-job.ts';
import type { DiskUsage } from '../measure/disk-usage.ts';
import type { Drain } from '../measure/drain.ts';
import { median } from '../measure/median.ts';
import type { BenchCase } from './bench-report.ts';
import { rounded } from './summarise.ts';

/** A drain, what it left on disk, and what is stored after it. */
export interface DrainRun {
  drain: Drain;
  disk: DiskUsage;
  stored: StoreComparison;
}

/** One case out of its drains. */
export function summariseDrains(name: string, runs: readonly DrainRun[]): BenchCase {
  const drains = runs.map(({ drain }) => drain);
  const perRecord = (pick: (drain: Drain) => number | undefined) =>
    medianOf(drains, (each) => over(pick(each), each.records));
  const perEvent = (pick: (disk: DiskUsage) => number) =>
    medianOf(runs, ({ disk, stored }) => over(pick(disk), stored.stored));
  const peaks = drains.flatMap((each) => each.peakRssMb ?? []);
  const last = runs.at(-1);
  return {
    case: name,
    ...rates(drains),
    cpuMicrosPerEvent: perRecord(({ workerMicros }) => workerMicros),
    databaseMicrosPerEvent: perRecord(({ databaseMicros }) => databaseMicros),
    brokerMicrosPerEvent: perRecord(({ brokerMicros }) => brokerMicros),
    rssMb: peaks.length === 0 ? undefined : Math.round(Math.max(...peaks)),
    memory: last?.drain.memory,
    bytesPerEvent: perEvent(({ events }) => events),
    derivedBytesPerEvent: perEvent(({ derived }) => derived),
    walBytesPerEvent: perRecord(({ walBytes }) => walBytes),
    relations: last?.disk.relations.map(({ name: relation, bytes }) => ({
      name: relation,
      bytesPerEvent: over(bytes, last.stored.stored) ?? 0,
    })),
    stored: runs.map(({ stored }) => stored),
  };
}

/** One case out of the copies of the same rows. */
export function summariseCopies(name: string, runs: readonly CopyReport[]): BenchCase {
  const timed = runs.map(({ rows, ...rest }) => ({ ...rest, records: rows }));
  return {
    case: name,
    ...rates(timed),
    cpuMicrosPerEvent: medianOf(timed, ({ cpuMicros, records }) => over(cpuMicros, records)),
    databaseMicrosPerEvent: medianOf(timed, ({ databaseMicros, records }) => over(databaseMicros, records)),
  };
}

function rates(runs: readonly { records: number; seconds: number }[]) {
  const all = runs.map(({ records, seconds }) => records / seconds);
  return {
    runs: runs.length,
    eventsPerSecond: Math.round(median(all)),
    eventsPerSecondMin: Math.round(Math.min(...all)),
    eventsPerSecondMax: Math.round(Math.max(...all)),
  };
}

function medianOf<T>(runs: readonly T[], pick: (run: T) => number | undefined): number | undefined {
  const values = runs.flatMap((run) => pick(run) ?? []);
  return values.length === 0 ? undefined : rounded(median(values), 2);
}

const over = (amount: number | undefined, count: number): number | undefined =>
  amount === undefined || count === 0 ? undefined : rounded(amount / count, 3);
