import type { Reader } from '../../read-only.ts';
import { CORRECTED_AT } from '../stored-event.ts';
import { SKEW_MARGIN_MS, timestampOf } from '../timestamps.ts';
import { type Additive, COLUMNS, type SeriesPart } from './aggregation.ts';
import { ofSeries, type Series } from './find-series.ts';
import { MINUTE_MS } from './granularity.ts';
import { type RetentionAsOf, refuseIfExpired } from './raw-events-kept.ts';
import { seriesRollups, seriesTally } from './series-rollups.ts';

/** A part of one minute, [fromMs, toMs), of corrected time; epoch ms. */
export interface Edge {
  minuteMs: number;
  fromMs: number;
  toMs: number;
}

const HOUR_MS = 3_600_000;
/** Sessions longer than this are marked `is_long` in the table. */
const LONG_MS = 24 * HOUR_MS;

/**
 * How far is looked for the rows of a minute, in turn, until all that were counted as they were stored are found: mostly they
 * are of sessions that began not long before, and their senders' clocks needed no correction.
 */
const REACHES: readonly Reach[] = [
  { backMs: 2 * HOUR_MS, alsoLong: false, marginMs: 0 },
  { backMs: LONG_MS, alsoLong: true, marginMs: 0 },
  { backMs: LONG_MS, alsoLong: true, marginMs: SKEW_MARGIN_MS },
];

interface Reach {
  /** Of sessions that began so long before the minute at most. */
  backMs: number;
  /** And of those longer than a day. */
  alsoLong: boolean;
  /** How far `occurred_at` may lie outside of the minute. */
  marginMs: number;
}

/** What a part of a minute has; undefined where nothing of it counts. `bucketMs` is the start of the minute. */
export async function seriesEdge(
  reader: Reader,
  series: Series,
  { edge, aggregation, retention }: { edge: Edge; aggregation: Additive; retention: RetentionAsOf },
): Promise<SeriesPart | undefined> {
  const minutes = { fromMs: edge.minuteMs, toMs: edge.minuteMs + MINUTE_MS };
  const [whole] = await seriesRollups(reader, series, { minutes, granularity: 'minute', aggregation });
  if (!whole || whole.firstMs >= edge.toMs) return undefined;
  if (whole.firstMs >= edge.fromMs && (whole.count === 1 || edge.toMs === minutes.toMs)) return whole;
  const { events } = await seriesTally(reader, series, minutes);
  let found = await readEdge(reader, series, { edge, aggregation, reach: REACHES[0] as Reach });
  for (const reach of REACHES.slice(1)) {
    if (found.wholeMinute >= events) break;
    found = await readEdge(reader, series, { edge, aggregation, reach });
  }
  if (found.wholeMinute < events) await refuseIfExpired(reader, series, { fromMs: edge.minuteMs, retention });
  const { count, firstMs, amount } = found;
  return firstMs === null || amount === null ? undefined : { bucketMs: edge.minuteMs, count, firstMs, amount };
}

interface EdgeRecord {
  /** Events of the series in the whole minute. */
  wholeMinute: number;
  count: number;
  firstMs: number | null;
  amount: number | null;
}

/**
 * `events` has no index by time alone: its rows are found through the sessions that overlap the minute, each by the
 * primary key. OFFSET 0 keeps it at that: a scan of the partition takes as long as the partition is large.
 */
async function readEdge(
  reader: Reader,
  series: Series,
  { edge, aggregation, reach }: { edge: Edge; aggregation: Additive; reach: Reach },
): Promise<EdgeRecord> {
  const values: unknown[] = [];
  const place = (value: unknown): string => `$${values.push(value)}`;
  const time = (ms: number): string => `${place(timestampOf(ms))}::timestamptz`;
  const ofWanted = ofSeries(series, place);
  const { minuteMs, fromMs, toMs } = edge;
  const { backMs, alsoLong, marginMs } = reach;
  const [minute, minuteEnd, backTo] = [time(minuteMs), time(minuteMs + MINUTE_MS), time(minuteMs - backMs)];
  const ofType = series.type.isInline ? '' : `AND type_ids @> ARRAY[${place(series.type.id)}::bigint]`;
  const sessions = (when: string): string =>
    `SELECT session_id FROM sessions WHERE project_id = ${place(series.projectId)} AND ${when} AND last_at >= ${minute} ${ofType}`;
  const recent = sessions(`first_at >= ${backTo} AND first_at < ${minuteEnd}`);
  const long = alsoLong ? `UNION ALL ${sessions(`first_at < ${backTo} AND is_long`)}` : '';
  const counts = `at >= ${time(fromMs)} AND at < ${time(toMs)} ${aggregation === 'count' ? '' : 'AND value IS NOT NULL'}`;
  const { rows } = await reader.query<EdgeRecord>(
    `SELECT count(*) AS "wholeMinute", count(*) FILTER (WHERE ${counts}) AS count,
       min(at) FILTER (WHERE ${counts}) AS "firstMs",
       ${COLUMNS[aggregation].ofEvents} FILTER (WHERE ${counts}) AS amount
     FROM (${recent} ${long}) s CROSS JOIN LATERAL (
       SELECT value, ${CORRECTED_AT} AS at FROM events e
       WHERE ${ofWanted} AND e.session_id = s.session_id
         AND occurred_at >= ${time(minuteMs - marginMs)} AND occurred_at < ${time(minuteMs + MINUTE_MS + marginMs)}
       OFFSET 0
     ) e WHERE at >= ${minute} AND at < ${minuteEnd}`,
    values,
  );
  return rows[0] as EdgeRecord;
}
