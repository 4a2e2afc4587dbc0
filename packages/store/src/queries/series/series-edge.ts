import type { Reader } from '../../read-only.ts';
import { timestampOf } from '../timestamps.ts';
import { type Additive, COLUMNS, type SeriesPart } from './aggregation.ts';
import type { Series } from './find-series.ts';
import { MINUTE_MS } from './granularity.ts';
import { type RetentionAsOf, refuseIfExpired } from './raw-events-kept.ts';
import { AROUND, FAR, FARTHEST, NEAR, type Reach, seriesEvents, WIDE } from './series-events.ts';
import { seriesMinute } from './series-rollups.ts';

/** A part of one minute, [fromMs, toMs), of corrected time; epoch ms. */
export interface Edge {
  minuteMs: number;
  fromMs: number;
  toMs: number;
}

/** What a part of a minute has; undefined where nothing of it counts. `bucketMs` is the start of the minute. */
export async function seriesEdge(
  reader: Reader,
  series: Series,
  { edge, aggregation, retention }: { edge: Edge; aggregation: Additive; retention: RetentionAsOf },
): Promise<SeriesPart | undefined> {
  const minutes = { fromMs: edge.minuteMs, toMs: edge.minuteMs + MINUTE_MS };
  const { events, whole } = await seriesMinute(reader, series, { minuteMs: edge.minuteMs, aggregation });
  if (!whole || whole.firstMs >= edge.toMs) return undefined;
  if (whole.firstMs >= edge.fromMs && (whole.count === 1 || edge.toMs === minutes.toMs)) return whole;
  let found = await readEdge(reader, series, { edge, aggregation, reach: NEAR });
  for (const reach of [WIDE, AROUND, FAR, FARTHEST]) {
    // All that were counted when they were stored are found.
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

async function readEdge(
  reader: Reader,
  series: Series,
  { edge, aggregation, reach }: { edge: Edge; aggregation: Additive; reach: Reach },
): Promise<EdgeRecord> {
  const values: unknown[] = [timestampOf(edge.fromMs), timestampOf(edge.toMs)];
  const place = (value: unknown): string => `$${values.push(value)}`;
  const minutes = { fromMs: edge.minuteMs, toMs: edge.minuteMs + MINUTE_MS };
  const counts = `at >= $1 AND at < $2 ${aggregation === 'count' ? '' : 'AND value IS NOT NULL'}`;
  const { rows } = await reader.query<EdgeRecord>(
    `SELECT count(*) AS "wholeMinute", count(*) FILTER (WHERE ${counts}) AS count,
       min(at) FILTER (WHERE ${counts}) AS "firstMs", ${COLUMNS[aggregation].ofEvents} FILTER (WHERE ${counts}) AS amount
     FROM (${seriesEvents(series, { minutes, reach }, place)}) e`,
    values,
  );
  return rows[0] as EdgeRecord;
}
