import type { BenchCase } from './bench-report.ts';
import { type Column, caseAndRate, figure, MEMORY_COURSE, tableOf } from './columns.ts';
import { count, number } from './figures.ts';

const COLUMNS: readonly Column[] = [
  ...caseAndRate('events/s'),
  figure('p50 ms', 'p50Ms', 1),
  figure('p99 ms', 'p99Ms', 1),
  figure('µs/event', 'cpuMicrosPerEvent', 1),
  figure('Kafka µs', 'brokerMicrosPerEvent', 1),
  figure('load µs', 'loadMicrosPerEvent', 1),
  figure('peak MB', 'rssMb', 0),
  MEMORY_COURSE,
  { title: 'shed/s', cell: ({ shedPerSecond }) => (shedPerSecond ? number(shedPerSecond, 0) : '') },
  { title: 'unsent/s', cell: ({ unsentPerSecond }) => (unsentPerSecond ? number(unsentPerSecond, 0) : '') },
  figure('× bare', 'ratio', 2),
  figure('× obvious', 'ratioToObvious', 2),
  { title: 'in the log', cell: inLog },
];

/** The cases of ingest as they are shown on the screen. */
export const caseTable = (cases: readonly BenchCase[]): string => tableOf(cases, COLUMNS);

/** What the comparison of a case with the log gave, in words. */
export function inLog({ comparison }: BenchCase): string {
  if (!comparison) return '';
  const { missing, duplicates, unacknowledged, foreign } = comparison;
  const notes = [
    missing > 0 && `${count(missing)} MISSING`,
    foreign > 0 && `${count(foreign)} FOREIGN`,
    duplicates > 0 && `${count(duplicates)} twice`,
    unacknowledged > 0 && `${count(unacknowledged)} not acknowledged`,
  ].filter(Boolean);
  return notes.length === 0 ? 'equal' : notes.join(', ');
}
