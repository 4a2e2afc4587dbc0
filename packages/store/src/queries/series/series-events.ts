import { overlappingSessions, type Place, timePlace } from '../overlapping-sessions.ts';
import { CORRECTED_AT } from '../stored-event.ts';
import { SKEW_MARGIN_MS } from '../timestamps.ts';
import type { Series } from './find-series.ts';
import type { WholeMinutes } from './series-rollups.ts';

const HOUR_MS = 3_600_000;

/** How far is looked for the events of a time. */
export interface Reach {
  /** How far `occurred_at` may lie outside of it: as far as senders' clocks were corrected. */
  marginMs: number;
  /** Only in sessions that overlap it, as far as these tell; or in all rows. */
  bySessions: boolean;
}

/** Nearly all events are of clocks that needed no correction. */
export const NEAR: Reach = { marginMs: 0, bySessions: true };
/** Clocks that were off by minutes. */
export const AROUND: Reach = { ...NEAR, marginMs: HOUR_MS / 6 };
/** The same where they were off by more, though not by hours. */
export const FAR: Reach = { ...NEAR, marginMs: HOUR_MS };
/** Nothing can be further away. */
export const FARTHEST: Reach = { ...NEAR, marginMs: SKEW_MARGIN_MS };
/** The same by reading whole partitions: where most sessions of the time would be looked into, that is quicker. */
export const EVERYWHERE: Reach = { marginMs: SKEW_MARGIN_MS, bySessions: false };

/**
 * A select of `value` and corrected time `at` of the events of a series in whole minutes, as far as `reach` goes.
 *
 * `events` has no index by time: its rows are found through the sessions that overlap the time, each by the primary key.
 * OFFSET 0 keeps it at that.
 */
export function seriesEvents(
  series: Series,
  { minutes, reach }: { minutes: WholeMinutes; reach: Reach },
  place: Place,
): string {
  const { marginMs, bySessions } = reach;
  const rows = rowsOfTime(series, { minutes, marginMs }, place);
  if (!bySessions) return inMinutes(`(${rows}) e`, minutes, place);
  // A type that stands inline is not in the list.
  const ofType = series.type.isInline ? '' : `AND type_ids @> ARRAY[${place(series.type.id)}::bigint]`;
  const sessions = overlappingSessions(series.projectId, minutes, place, ofType);
  return inMinutes(`(${sessions.recent} UNION ALL ${sessions.long}) s ${eachWith(rows, marginMs)}`, minutes, place);
}

/**
 * The same as far as the first so many events, for a statement whose plan is kept. Sessions are gone through from the latest
 * on, so that the walk ends soon after the beginning of the time where there are no more than that; and no index by types can
 * be taken for it, as PostgreSQL would do that does not know which type is a rare one.
 * @param limit SQL
 */
export function firstSeriesEvents(
  series: Series,
  { minutes, reach, limit }: { minutes: WholeMinutes; reach: Reach; limit: string },
  place: Place,
): string {
  const rows = rowsOfTime(series, { minutes, marginMs: reach.marginMs }, place);
  const ofType = series.type.isInline ? '' : `AND ${place(series.type.id)}::bigint = ANY (type_ids)`;
  const sessions = overlappingSessions(series.projectId, minutes, place, ofType);
  const walk = `((${sessions.recent} ORDER BY first_at DESC) UNION ALL (${sessions.long} ORDER BY first_at DESC)) s`;
  return `${inMinutes(`${walk} ${eachWith(rows, reach.marginMs)}`, minutes, place)} LIMIT ${limit}`;
}

/** The rows of a series between bounds of `occurred_at`. */
function rowsOfTime(
  series: Series,
  { minutes, marginMs }: { minutes: WholeMinutes; marginMs: number },
  place: Place,
): string {
  const [from, to] = [timePlace(minutes.fromMs - marginMs, place), timePlace(minutes.toMs + marginMs, place)];
  return `SELECT value, ${CORRECTED_AT} AS at FROM events e
    WHERE ${ofSeries(series, place)} AND occurred_at >= ${from} AND occurred_at < ${to}`;
}

/** Those rows of each session `s`. Its times tell in which partitions to look for them, where the bounds are wide. */
function eachWith(rows: string, marginMs: number): string {
  const margin = `interval '${marginMs} ms'`;
  const ofTimes = marginMs === 0 ? '' : `AND e.occurred_at BETWEEN s.first_at - ${margin} AND s.last_at + ${margin}`;
  return `CROSS JOIN LATERAL (${rows} AND e.session_id = s.session_id ${ofTimes} OFFSET 0) e`;
}

const inMinutes = (from: string, { fromMs, toMs }: WholeMinutes, place: Place): string =>
  `SELECT value, at FROM ${from} WHERE at >= ${timePlace(fromMs, place)} AND at < ${timePlace(toMs, place)}`;

/** Which rows of `events` belong to a series. */
function ofSeries({ projectId, namespace, type }: Series, place: Place): string {
  const named = ({ id, isInline, name }: Series['type'], column: string, key: string): string =>
    isInline ? `${column} IS NULL AND inline_names ->> '${key}' = ${place(name)}` : `${column} = ${place(id)}::bigint`;
  return [
    `project_id = ${place(projectId)}`,
    named(type, 'type_id', 'type'),
    named(namespace, 'namespace_id', 'namespace'),
  ].join(' AND ');
}
