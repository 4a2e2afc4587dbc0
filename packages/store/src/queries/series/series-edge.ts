import { plannedOnce } from '../../planned-once.ts';
import type { Reader } from '../../read-only.ts';
import { timestampsOf } from '../timestamps.ts';
import { type Additive, COLUMNS, type SeriesPart } from './aggregation.ts';
import type { Series } from './find-series.ts';
import { MINUTE_MS } from './granularity.ts';
import { type RetentionAsOf, refuseIfExpired } from './raw-events-kept.ts';
import { AROUND, FAR, FARTHEST, firstSeriesEvents, NEAR, type Reach } from './series-events.ts';
import { minuteSql, rollupValues } from './series-rollups.ts';

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
  let found = await readEdge(reader, series, { edge, aggregation, reach: NEAR });
  for (const reach of [AROUND, FAR, FARTHEST]) {
    // All that were counted when they were stored are found.
    if (found.read >= found.wanted) break;
    found = await readEdge(reader, series, { edge, aggregation, reach });
  }
  if (found.read < found.wanted) await refuseIfExpired(reader, series, { fromMs: edge.minuteMs, retention });
  const { count, firstMs, amount } = found;
  return firstMs === null || amount === null ? undefined : { bucketMs: edge.minuteMs, count, firstMs, amount };
}

interface EdgeRecord {
  /** Events of the series in the whole minute, and how many of them are there; 0 where the rollup tells all. */
  wanted: number;
  read: number;
  count: number;
  firstMs: number | null;
  amount: number | null;
}

/** Of the minute, that no event counts; or all that count do so on this side of the cut. */
const IS_ALL = '(first_counted >= $6 AND first_counted < $7 AND (counted = 1 OR $7 = $5))';
const NEEDS_ROWS = `(first_counted < $7 AND NOT ${IS_ALL})`;

/**
 * By one statement, which looks for rows only where the rollup does not say all: what is read costs no more round trips than
 * waiting, and needs no other snapshot.
 */
async function readEdge(
  reader: Reader,
  series: Series,
  { edge, aggregation, reach }: { edge: Edge; aggregation: Additive; reach: Reach },
): Promise<EdgeRecord> {
  const minutes = { fromMs: edge.minuteMs, toMs: edge.minuteMs + MINUTE_MS };
  const values = [...rollupValues(series, minutes), ...timestampsOf(edge)];
  const place = (value: unknown): string => `$${values.push(value)}`;
  const counts = `at >= $6 AND at < $7 ${aggregation === 'count' ? '' : 'AND value IS NOT NULL'}`;
  const events = firstSeriesEvents(series, { minutes, reach, limit: '(SELECT wanted FROM needed)' }, place);
  const { rows } = await reader.query<EdgeRecord>(
    plannedOnce(
      `WITH minute AS MATERIALIZED (${minuteSql(aggregation)}),
       needed AS MATERIALIZED (SELECT CASE WHEN ${NEEDS_ROWS} THEN events ELSE 0 END AS wanted FROM minute)
     SELECT wanted, read,
       CASE WHEN wanted > 0 THEN part.count WHEN ${IS_ALL} THEN counted ELSE 0 END AS count,
       CASE WHEN wanted > 0 THEN part.first WHEN ${IS_ALL} THEN first_counted END AS "firstMs",
       CASE WHEN wanted > 0 THEN part.amount WHEN ${IS_ALL} THEN minute.amount END AS amount
     FROM minute, needed, (
       SELECT count(*) AS read, count(*) FILTER (WHERE ${counts}) AS count, min(at) FILTER (WHERE ${counts}) AS first,
         ${COLUMNS[aggregation].ofEvents} FILTER (WHERE ${counts}) AS amount
       FROM (${events}) e
     ) part`,
      values,
    ),
  );
  return rows[0] as EdgeRecord;
}
