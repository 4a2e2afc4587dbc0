import type { BenchCase } from './bench-report.ts';
import { inLog } from './case-table.ts';
import { type Column, caseAndRate, figure, tableOf } from './columns.ts';
import { number } from './figures.ts';
import { accounting } from './worker-table.ts';

const COLUMNS: readonly Column[] = [
  ...caseAndRate('events/s'),
  figure('× limit', 'ratio', 2),
  figure('p50 ms', 'p50Ms', 1),
  figure('p99 ms', 'p99Ms', 1),
  figure('µs/event', 'cpuMicrosPerEvent', 1),
  figure('PostgreSQL µs', 'databaseMicrosPerEvent', 1),
  figure('Kafka µs', 'brokerMicrosPerEvent', 1),
  figure('load µs', 'loadMicrosPerEvent', 1),
  figure('peak MB', 'rssMb', 0),
  { title: 'shed/s', cell: ({ shedPerSecond }) => (shedPerSecond ? number(shedPerSecond, 0) : '') },
  { title: 'kept', cell: (found) => inLog(found) || accounting(found) },
];

/** The cases of the doors as they are shown on the screen. */
export const doorsTable = (cases: readonly BenchCase[]): string => tableOf(cases, COLUMNS);
