import type { BenchCase } from './bench-report.ts';
import { type Column, figure, tableOf } from './columns.ts';
import { count } from './figures.ts';

const COLUMNS: readonly Column[] = [
  { title: 'case', cell: (found) => found.case },
  { title: 'rows/s', cell: ({ eventsPerSecond }) => (eventsPerSecond > 0 ? count(eventsPerSecond) : '') },
  { title: 'answers', cell: ({ answers }) => (answers ? count(answers) : '') },
  figure('p50 ms', 'p50Ms', 1),
  figure('p99 ms', 'p99Ms', 1),
  figure('peak MB', 'rssMb', 0),
  { title: 'target', cell: targetOf },
  {
    title: 'met',
    cell: ({ isMet, isMissing }) => (isMissing ? 'missing' : isMet === undefined ? '' : isMet ? 'yes' : 'NO'),
  },
];

/** How long each query took beside how long it may take, as it is shown on the screen. */
export const queryTable = (cases: readonly BenchCase[]): string => tableOf(cases, COLUMNS);

function targetOf({ target }: BenchCase): string {
  if (!target) return '';
  return 'p99Ms' in target ? `${count(target.p99Ms)} ms` : `${count(target.eventsPerSecond)}/s, ${target.rssMb} MB`;
}
