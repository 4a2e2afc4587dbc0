import type { Reader } from '../../read-only.ts';
import { timestampOf } from '../timestamps.ts';
import { fractionOf, type Percentile, type SeriesPart } from './aggregation.ts';
import type { Series } from './find-series.ts';
import { bucketSql, type Granularity, MINUTE_MS } from './granularity.ts';
import { type RetentionAsOf, refuseIfExpired } from './raw-events-kept.ts';
import { EVERYWHERE, FAR, FARTHEST, type Reach, seriesEvents } from './series-events.ts';
import { seriesTally, type WholeMinutes } from './series-rollups.ts';

/** Values of a time up to so long, and so many of a longer one, are gathered by the sessions; more by whole partitions. */
const BY_SESSIONS: BySessions = { spanMs: 24 * 3_600_000, values: 20_000 };

export interface BySessions {
  spanMs: number;
  values: number;
}

export interface PercentileQuestion {
  /** [fromMs, toMs), corrected time, epoch ms. */
  range: { fromMs: number; toMs: number };
  granularity: Granularity;
  percentile: Percentile;
  retention: RetentionAsOf;
  bySessions?: BySessions | undefined;
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
  { range, granularity, percentile, retention, bySessions = BY_SESSIONS }: PercentileQuestion,
): Promise<SeriesPart[]> {
  const minutes: WholeMinutes = {
    fromMs: Math.floor(range.fromMs / MINUTE_MS) * MINUTE_MS,
    toMs: Math.ceil(range.toMs / MINUTE_MS) * MINUTE_MS,
  };
  const { valued } = await seriesTally(reader, series, minutes);
  if (valued === 0) return [];
  const isBySessions = valued <= bySessions.values || minutes.toMs - minutes.fromMs <= bySessions.spanMs;
  const reaches = isBySessions ? [FAR, FARTHEST] : [EVERYWHERE];
  let rows: GroupRecord[] = [];
  let found = -1;
  for (const reach of reaches) {
    rows = await readGroups(reader, series, { range, minutes, granularity, percentile, reach });
    found = rows.reduce((sum, { inMinutes }) => sum + inMinutes, 0);
    // All that were counted when they were stored are found.
    if (found >= valued) break;
  }
  if (found < valued) await refuseIfExpired(reader, series, { fromMs: minutes.fromMs, retention });
  return rows.flatMap(({ bucketMs, count, firstMs, amount }) =>
    firstMs === null || amount === null ? [] : [{ bucketMs, count, firstMs, amount }],
  );
}

async function readGroups(
  reader: Reader,
  series: Series,
  {
    range,
    minutes,
    granularity,
    percentile,
    reach,
  }: Omit<PercentileQuestion, 'retention' | 'bySessions'> & { minutes: WholeMinutes; reach: Reach },
): Promise<GroupRecord[]> {
  const values: unknown[] = [timestampOf(range.fromMs), timestampOf(range.toMs)];
  const place = (value: unknown): string => `$${values.push(value)}`;
  const inRange = 'at >= $1 AND at < $2';
  const { rows } = await reader.query<GroupRecord>(
    `SELECT ${bucketSql(granularity, 'at')} AS "bucketMs", count(*) AS "inMinutes",
       count(*) FILTER (WHERE ${inRange}) AS count, min(at) FILTER (WHERE ${inRange}) AS "firstMs",
       percentile_cont(${fractionOf(percentile)}) WITHIN GROUP (ORDER BY value) FILTER (WHERE ${inRange}) AS amount
     FROM (${seriesEvents(series, { minutes, reach }, place)}) e WHERE value IS NOT NULL
     GROUP BY 1 ORDER BY 1`,
    values,
  );
  return rows;
}
