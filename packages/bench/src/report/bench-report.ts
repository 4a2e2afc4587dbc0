import type { Comparison } from '../compare/compare-with-log.ts';
import type { StoreComparison } from '../compare/compare-with-store.ts';
import type { MemoryCourse } from '../measure/sample-memory.ts';
import type { Machine } from './machine.ts';

/** What `--json` writes. Rates are medians over the runs. */
export interface BenchReport {
  bench: string;
  machine: Machine;
  commit: string | undefined;
  cases: BenchCase[];
  /** Sentences about what must hold and does not; empty where all is well. */
  failures: string[];
}

export interface BenchCase {
  case: string;
  runs: number;
  /** Acknowledged; of the worker, records stored or found to be duplicates. */
  eventsPerSecond: number;
  eventsPerSecondMin: number;
  eventsPerSecondMax: number;
  /** User and system time of the process that is measured. */
  cpuMicrosPerEvent?: number;
  /** Of all processes of PostgreSQL. */
  databaseMicrosPerEvent?: number;
  /** Of the Kafka broker, where it runs on this machine. */
  brokerMicrosPerEvent?: number;
  /** Of what made the load, which shares the machine; of the worker's, ingest. */
  loadMicrosPerEvent?: number;
  p50Ms?: number;
  p99Ms?: number;
  /** The most that was resident in any run, MiB. */
  rssMb?: number;
  /** How resident memory went, where that was the question. */
  memory?: MemoryCourse;
  /** Requests a second that were answered 429 or 503. */
  shedPerSecond?: number;
  /** Requests a second that were due, and not sent: every connection waited for its answer. */
  unsentPerSecond?: number;
  /** On disk, of `events` with its indexes; of all other tables; and what was written ahead. */
  bytesPerEvent?: number;
  derivedBytesPerEvent?: number;
  walBytesPerEvent?: number;
  /** Of each table and index on disk, in the last run. */
  relations?: { name: string; bytesPerEvent: number }[];
  /** Acknowledged and not stored yet when the measured while ended, in seconds of storing. */
  behindSeconds?: number;
  /** What it is held against, measured in the same run: of ingest, the bare server with the same bodies. */
  limit?: Reference;
  /** `eventsPerSecond` over that of the limit. */
  ratio?: number;
  /** express, ajv and a send a request, with the same bodies and connections. */
  obvious?: Reference;
  /** `eventsPerSecond` over that of the obvious design. */
  ratioToObvious?: number;
  /** What was asked, where answers are measured; `eventsPerSecond` is then what a worker stored meanwhile. */
  query?: string;
  /** p99 that the query is to have, ms; or events/s that an export is to have. */
  target?: { p99Ms: number } | { eventsPerSecond: number; rssMb: number };
  isMet?: boolean;
  /** The API has no such address. */
  isMissing?: boolean;
  /** Answers that were measured. */
  answers?: number;
  /** The same question without the worker, and `p99Ms` over its. */
  idle?: { name: string; p99Ms: number };
  ratioToIdle?: number;
  /** Sums over the runs; absent for servers that keep nothing. */
  comparison?: Comparison;
  /** After each run; after loads one behind the other, once for all. */
  stored?: StoreComparison[];
}

export interface Reference {
  name: string;
  eventsPerSecond: number;
}
