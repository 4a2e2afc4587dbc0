import { CORRECTED_AT } from '../stored-event.ts';
import { SKEW_MARGIN_MS, timestampOf } from '../timestamps.ts';
import type { Series } from './find-series.ts';
import type { WholeMinutes } from './series-rollups.ts';

const HOUR_MS = 3_600_000;
/** Sessions longer than this are marked `is_long` in the table. */
const LONG_MS = 24 * HOUR_MS;

/** How far is looked for the events of a time. */
export interface Reach {
  /** How far `occurred_at` may lie outside of it: as far as senders' clocks were corrected. */
  marginMs: number;
  /** Only in sessions that overlap it, as far as these tell; undefined: in all rows. */
  sessions?: {
    /** Those that began so long before it at most; */
    backMs: number;
    /** and those longer than a day, or not. */
    alsoLong: boolean;
  };
}

/** Nearly all events are of sessions that began not long before, and of clocks that needed no correction. */
export const NEAR: Reach = { marginMs: 0, sessions: { backMs: 8 * HOUR_MS, alsoLong: false } };
/** All sessions. */
export const WIDE: Reach = { marginMs: 0, sessions: { backMs: LONG_MS, alsoLong: true } };
/** The same with clocks that were off by minutes. */
export const AROUND: Reach = { ...WIDE, marginMs: HOUR_MS / 6 };
/** The same where they were off by more, though not by hours. */
export const FAR: Reach = { ...WIDE, marginMs: HOUR_MS };
/** Nothing can be further away. */
export const FARTHEST: Reach = { ...FAR, marginMs: SKEW_MARGIN_MS };
/** The same by reading whole partitions: where most sessions of the time would be looked into, that is quicker. */
export const EVERYWHERE: Reach = { marginMs: SKEW_MARGIN_MS };

/**
 * A select of `value` and corrected time `at` of the events of a series in whole minutes, as far as `reach` goes.
 *
 * `events` has no index by time: its rows are found through the sessions that overlap the time, each by the primary key.
 * OFFSET 0 keeps it at that.
 * @param place adds a value to the statement's, and tells its place
 */
export function seriesEvents(
  series: Series,
  { minutes, reach }: { minutes: WholeMinutes; reach: Reach },
  place: (value: unknown) => string,
): string {
  const time = (ms: number): string => `${place(timestampOf(ms))}::timestamptz`;
  const { marginMs, sessions } = reach;
  const ofTime = `occurred_at >= ${time(minutes.fromMs - marginMs)} AND occurred_at < ${time(minutes.toMs + marginMs)}`;
  const rows = `SELECT value, ${CORRECTED_AT} AS at FROM events e WHERE ${ofSeries(series, place)} AND ${ofTime}`;
  // The times of a session tell in which partitions to look for it.
  const margin = `interval '${marginMs} ms'`;
  const from = sessions
    ? `(${overlapping(series, { minutes, ...sessions }, place)}) s
       CROSS JOIN LATERAL (${rows} AND e.session_id = s.session_id
         AND e.occurred_at BETWEEN s.first_at - ${margin} AND s.last_at + ${margin} OFFSET 0) e`
    : `(${rows}) e`;
  return `SELECT value, at FROM ${from} WHERE at >= ${time(minutes.fromMs)} AND at < ${time(minutes.toMs)}`;
}

/** The sessions that have the type and overlap the time. */
function overlapping(
  { projectId, type }: Series,
  { minutes, backMs, alsoLong }: { minutes: WholeMinutes; backMs: number; alsoLong: boolean },
  place: (value: unknown) => string,
): string {
  const time = (ms: number): string => `${place(timestampOf(ms))}::timestamptz`;
  // A type that stands inline is not in the list.
  const ofType = type.isInline ? '' : `AND type_ids @> ARRAY[${place(type.id)}::bigint]`;
  const backTo = time(minutes.fromMs - backMs);
  const of = `project_id = ${place(projectId)} AND last_at >= ${time(minutes.fromMs)} ${ofType}`;
  const select = `SELECT session_id, first_at, last_at FROM sessions WHERE ${of}`;
  const recent = `${select} AND first_at >= ${backTo} AND first_at < ${time(minutes.toMs)}`;
  return alsoLong ? `${recent} UNION ALL ${select} AND first_at < ${backTo} AND is_long` : recent;
}

/** Which rows of `events` belong to a series. */
function ofSeries({ projectId, namespace, type }: Series, place: (value: unknown) => string): string {
  const named = ({ id, isInline, name }: Series['type'], column: string, key: string): string =>
    isInline ? `${column} IS NULL AND inline_names ->> '${key}' = ${place(name)}` : `${column} = ${place(id)}::bigint`;
  return [
    `project_id = ${place(projectId)}`,
    named(type, 'type_id', 'type'),
    named(namespace, 'namespace_id', 'namespace'),
  ].join(' AND ');
}
