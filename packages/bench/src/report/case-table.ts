import type { BenchCase } from './bench-report.ts';
import { count, number } from './figures.ts';
import { table } from './table.ts';

const HEAD = [
  'case',
  'events/s',
  'min–max',
  'p50 ms',
  'p99 ms',
  'µs/event',
  'Kafka µs',
  'load µs',
  'peak MB',
  'shed/s',
  'unsent/s',
  '× bare',
  '× obvious',
  'in the log',
];

/** The cases as they are shown on the screen. */
export function caseTable(cases: readonly BenchCase[]): string {
  return table(HEAD, cases.map(row));
}

function row(found: BenchCase): string[] {
  return [
    found.case,
    count(found.eventsPerSecond),
    found.runs > 1 ? `${count(found.eventsPerSecondMin)}–${count(found.eventsPerSecondMax)}` : '',
    number(found.p50Ms, 1),
    number(found.p99Ms, 1),
    number(found.cpuMicrosPerEvent, 1),
    number(found.brokerMicrosPerEvent, 1),
    number(found.loadMicrosPerEvent, 1),
    number(found.rssMb, 0),
    found.shedPerSecond ? number(found.shedPerSecond, 0) : '',
    found.unsentPerSecond ? number(found.unsentPerSecond, 0) : '',
    number(found.ratio, 2),
    number(found.ratioToObvious, 2),
    inLog(found),
  ];
}

function inLog({ comparison }: BenchCase): string {
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
