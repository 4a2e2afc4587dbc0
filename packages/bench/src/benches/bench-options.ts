/** The log that ingest writes to. */
export const LOGS = ['kafka', 'embedded'] as const;
export type LogKind = (typeof LOGS)[number];

/** What every benchmark is told; where something is absent it has its own default. */
export interface BenchOptions {
  /** A second where else it is many, and once: to see that it works. */
  quick: boolean;
  logs: readonly LogKind[];
  /** Only cases whose name holds this. */
  only?: string;
  /** The length of each measurement. */
  seconds?: number;
  runs?: number;
  /** Of a soak. */
  minutes?: number;
  /** Of the soak and the overload: events in each request. Of the worker and the queries: records in the log. */
  events?: number;
  /** Of the queries: a folder in which the filled database is left, and one in which it was left before. */
  keep?: string;
  from?: string;
  /** A Kafka to use; else one is started. */
  brokers?: readonly string[];
  /** Says how far it is. */
  tell(text: string): void;
}

/** How long each load is, and how often it is made. */
export interface Pace {
  warmupSeconds: number;
  seconds: number;
  runs: number;
}

export function paceOf({ quick, seconds, runs }: BenchOptions): Pace {
  return quick
    ? { warmupSeconds: 0.5, seconds: seconds ?? 0.5, runs: runs ?? 1 }
    : { warmupSeconds: 2, seconds: seconds ?? 5, runs: runs ?? 3 };
}

/** Events a request, in the soak and the overload. */
export const DEFAULT_EVENTS = 100;
