import type { BenchCase } from './bench-report.ts';
import { count, number } from './figures.ts';
import { table } from './table.ts';

const HEAD = [
  'case',
  'rows/s',
  'min–max',
  '× limit',
  'µs/row',
  'PostgreSQL µs',
  'Kafka µs',
  'ingest µs',
  'p50 ms',
  'p99 ms',
  'behind s',
  'peak MB',
  'first → last third',
  'bytes/event',
  '+ derived',
  'WAL bytes',
  'stored',
];

/** The cases of the worker as they are shown on the screen. */
export function workerTable(cases: readonly BenchCase[]): string {
  return table(HEAD, cases.map(row));
}

function row(found: BenchCase): string[] {
  const { memory } = found;
  return [
    found.case,
    count(found.eventsPerSecond),
    found.runs > 1 ? `${count(found.eventsPerSecondMin)}–${count(found.eventsPerSecondMax)}` : '',
    number(found.ratio, 2),
    number(found.cpuMicrosPerEvent, 1),
    number(found.databaseMicrosPerEvent, 1),
    number(found.brokerMicrosPerEvent, 1),
    number(found.loadMicrosPerEvent, 1),
    number(found.p50Ms, 0),
    number(found.p99Ms, 0),
    number(found.behindSeconds, 1),
    number(found.rssMb, 0),
    memory ? `${number(memory.firstMb, 0)} → ${number(memory.lastMb, 0)}` : '',
    number(found.bytesPerEvent, 0),
    number(found.derivedBytesPerEvent, 0),
    number(found.walBytesPerEvent, 0),
    accounting(found),
  ];
}

function accounting({ stored }: BenchCase): string {
  if (!stored) return '';
  const faults = stored.flatMap((run) => run.faults);
  return faults.length === 0 ? 'once' : `${faults.length} FAULTS`;
}
