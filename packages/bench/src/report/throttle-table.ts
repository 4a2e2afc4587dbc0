import type { BenchCase } from './bench-report.ts';
import { type Column, figure, tableOf } from './columns.ts';
import { count, number } from './figures.ts';

const COLUMNS: readonly Column[] = [
  { title: 'case', cell: (found) => found.case },
  { title: 'rows/s', cell: ({ eventsPerSecond }) => (eventsPerSecond > 0 ? count(eventsPerSecond) : '') },
  figure('p50 ms', 'p50Ms', 1),
  figure('p99 ms', 'p99Ms', 1),
  { title: 'without it', cell: ({ idle }) => number(idle?.p99Ms, 1) },
  figure('× without', 'ratioToIdle', 2),
];

/** What people wait for while a worker drains, as it is shown on the screen. */
export const throttleTable = (cases: readonly BenchCase[]): string => tableOf(cases, COLUMNS);
