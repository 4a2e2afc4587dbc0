import type { RecordRefusal } from './read-record-value.ts';

/** Earliest and latest times that a partition of `events` is made for: what lies outside is no time of an event. */
const EARLIEST_MS = Date.UTC(1, 0, 1);
const LATEST_MS = Date.UTC(9999, 0, 1);

/** Why an event with this time in its key, epoch ms, can never be stored; undefined if it can. */
export function storableTimeRefusal(keyMs: number): RecordRefusal | undefined {
  if (keyMs >= EARLIEST_MS && keyMs < LATEST_MS) return undefined;
  return { code: 'out_of_range', detail: `/occurredAt: ${keyMs} ms is no time that can be stored` };
}
