/** All events lie well inside: nothing is lost by cutting a bound off here, and PostgreSQL can hold it. */
const EARLIEST = Date.UTC(1900, 0, 1);
const LATEST = Date.UTC(9999, 11, 31);

/** A sender's clock may be off by so much at most: where a corrected time is known, `occurred_at` lies this near. */
export const SKEW_MARGIN_MS = 24 * 3_600_000;
/** The same as an interval of SQL. */
export const SKEW_MARGIN = `interval '${SKEW_MARGIN_MS} ms'`;

/** Sessions longer than this are marked `is_long` in the table. */
export const LONG_SESSION_MS = 24 * 3_600_000;

/** A bound for timestamptz from epoch ms; undefined and ±Infinity are the ends of time. */
export function timestampOf(ms: number): string {
  return new Date(Math.min(Math.max(ms, EARLIEST), LATEST)).toISOString();
}

/** From (inclusive) and to (exclusive) in epoch ms; an end that is absent is open. */
export interface TimeRange {
  fromMs?: number | undefined;
  toMs?: number | undefined;
}

/** The range as two timestamptz; with a margin where a range of corrected times bounds `occurred_at`. */
export function timestampsOf({ fromMs, toMs }: TimeRange, marginMs = 0): [string, string] {
  return [
    timestampOf(fromMs === undefined ? Number.NEGATIVE_INFINITY : fromMs - marginMs),
    timestampOf(toMs === undefined ? Number.POSITIVE_INFINITY : toMs + marginMs),
  ];
}
