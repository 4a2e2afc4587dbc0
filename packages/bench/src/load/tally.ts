import { createHistogram, type RecordableHistogram } from 'node:perf_hooks';

/** What came of the requests of a while. */
export interface Tally {
  /** Requests whose every event was accepted. */
  acknowledged: number;
  /** Answers that were none of 202 and of those that shed load. */
  refused: number;
  /** Answers of 429 and 503. */
  shed: number;
  /** Of those, the ones without `Retry-After`. */
  shedWithoutRetryAfter: number;
  /** Requests whose connection went before their answer. */
  lost: number;
  /** Connections that were never there. */
  connectionsRefused: number;
  /** Requests that were due with every connection in use. */
  unsent: number;
  /** Of what was acknowledged, µs from when it was due. */
  latency: RecordableHistogram;
}

const LONGEST_MICROS = 120_000_000;

export function newTally(): Tally {
  return {
    acknowledged: 0,
    refused: 0,
    shed: 0,
    shedWithoutRetryAfter: 0,
    lost: 0,
    connectionsRefused: 0,
    unsent: 0,
    latency: createHistogram({ lowest: 1, highest: LONGEST_MICROS, figures: 3 }),
  };
}

/** A tally as it is sent from one process to another. */
export type TallyReport = Omit<Tally, 'latency'> & { p50Ms: number; p99Ms: number; maxMs: number };

export function reportTally({ latency, ...counts }: Tally): TallyReport {
  const ms = (percentile: number) => latency.percentile(percentile) / 1000;
  if (counts.acknowledged === 0) return { ...counts, p50Ms: 0, p99Ms: 0, maxMs: 0 };
  return { ...counts, p50Ms: ms(50), p99Ms: ms(99), maxMs: latency.max / 1000 };
}

export function addTally(sum: Tally, { latency, ...counts }: Tally): void {
  for (const [name, count] of Object.entries(counts)) sum[name as keyof typeof counts] += count;
  sum.latency.add(latency);
}
