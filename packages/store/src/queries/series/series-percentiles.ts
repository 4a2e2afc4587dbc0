import type { Reader } from '../../read-only.ts';
import { CORRECTED_AT } from '../stored-event.ts';
import { SKEW_MARGIN_MS, type TimeRange, timestampOf } from '../timestamps.ts';
import { fractionOf, type Percentile, type SeriesPart } from './aggregation.ts';
import { ofSeries, type Series } from './find-series.ts';
import { bucketSql, type Granularity, MINUTE_MS } from './granularity.ts';
import { type RetentionAsOf, refuseIfExpired } from './raw-events-kept.ts';
import { seriesTally, type WholeMinutes } from './series-rollups.ts';

export interface PercentileQuestion {
  /** [fromMs, toMs), corrected time, epoch ms. */
  range: Required<{ [K in keyof TimeRange]: number }>;
  granularity: Granularity;
  percentile: Percentile;
  retention: RetentionAsOf;
}

interface GroupRecord {
  bucketMs: number;
  /** Events with a value in the minutes that the range touches. */
  inMinutes: number;
  count: number;
  firstMs: number | null;
  amount: number | null;
}

/**
 * Groups with a percentile of their values, interpolated between the two nearest (`percentile_cont`), in order of time. It
 * takes the rows themselves: no rollup holds a distribution.
 */
export async function seriesPercentiles(
  reader: Reader,
  series: Series,
  { range, granularity, percentile, retention }: PercentileQuestion,
): Promise<SeriesPart[]> {
  const minutes: WholeMinutes = {
    fromMs: Math.floor(range.fromMs / MINUTE_MS) * MINUTE_MS,
    toMs: Math.ceil(range.toMs / MINUTE_MS) * MINUTE_MS,
  };
  const { valued } = await seriesTally(reader, series, minutes);
  if (valued === 0) return [];
  const values: unknown[] = [];
  const place = (value: unknown): string => `$${values.push(value)}`;
  const time = (ms: number): string => `${place(timestampOf(ms))}::timestamptz`;
  const inRange = `at >= ${time(range.fromMs)} AND at < ${time(range.toMs)}`;
  const { rows } = await reader.query<GroupRecord>(
    `SELECT ${bucketSql(granularity, 'at')} AS "bucketMs", count(*) AS "inMinutes",
       count(*) FILTER (WHERE ${inRange}) AS count, min(at) FILTER (WHERE ${inRange}) AS "firstMs",
       percentile_cont(${fractionOf(percentile)}) WITHIN GROUP (ORDER BY value) FILTER (WHERE ${inRange}) AS amount
     FROM (
       SELECT value, ${CORRECTED_AT} AS at FROM events
       WHERE ${ofSeries(series, place)} AND value IS NOT NULL
         AND occurred_at >= ${time(minutes.fromMs - SKEW_MARGIN_MS)} AND occurred_at < ${time(minutes.toMs + SKEW_MARGIN_MS)}
     ) e WHERE at >= ${time(minutes.fromMs)} AND at < ${time(minutes.toMs)}
     GROUP BY 1 ORDER BY 1`,
    values,
  );
  const found = rows.reduce((sum, { inMinutes }) => sum + inMinutes, 0);
  if (found < valued) await refuseIfExpired(reader, series, { fromMs: minutes.fromMs, retention });
  return rows.flatMap(({ bucketMs, count, firstMs, amount }) =>
    firstMs === null || amount === null ? [] : [{ bucketMs, count, firstMs, amount }],
  );
}
