import type { BenchCase } from './bench-report.ts';
import { type Column, caseAndRate, figure, MEMORY_COURSE, tableOf } from './columns.ts';

const COLUMNS: readonly Column[] = [
  ...caseAndRate('rows/s'),
  figure('× limit', 'ratio', 2),
  figure('µs/row', 'cpuMicrosPerEvent', 1),
  figure('PostgreSQL µs', 'databaseMicrosPerEvent', 1),
  figure('Kafka µs', 'brokerMicrosPerEvent', 1),
  figure('ingest µs', 'loadMicrosPerEvent', 1),
  figure('p50 ms', 'p50Ms', 0),
  figure('p99 ms', 'p99Ms', 0),
  figure('behind s', 'behindSeconds', 1),
  figure('peak MB', 'rssMb', 0),
  MEMORY_COURSE,
  figure('bytes/event', 'bytesPerEvent', 0),
  figure('+ derived', 'derivedBytesPerEvent', 0),
  figure('WAL bytes', 'walBytesPerEvent', 0),
  { title: 'stored', cell: accounting },
];

/** The cases of the worker as they are shown on the screen. */
export const workerTable = (cases: readonly BenchCase[]): string => tableOf(cases, COLUMNS);

/** Whether what is stored is what the log had, in words. */
export function accounting({ stored }: BenchCase): string {
  if (!stored) return '';
  const faults = stored.flatMap((run) => run.faults);
  return faults.length === 0 ? 'once' : `${faults.length} FAULTS`;
}
