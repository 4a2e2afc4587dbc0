import type { Reader } from '../../read-only.ts';
import { type Aggregation, isPercentile, mergeParts, type SeriesPart } from './aggregation.ts';
import type { Series } from './find-series.ts';
import { bucketStart, type Granularity, MINUTE_MS } from './granularity.ts';
import type { RetentionAsOf } from './raw-events-kept.ts';
import { type Edge, seriesEdge } from './series-edge.ts';
import { type BySessions, seriesPercentiles } from './series-percentiles.ts';
import { seriesRollups, type WholeMinutes } from './series-rollups.ts';

export interface SeriesQuestion {
  /** [fromMs, toMs), corrected time, epoch ms. */
  range: { fromMs: number; toMs: number };
  granularity: Granularity;
  aggregation: Aggregation;
  retention: RetentionAsOf;
  /** How much of percentiles is gathered by the sessions. Default: a day, or 20,000 values. */
  bySessions?: BySessions | undefined;
}

/** One group. Times in epoch ms. */
export interface SeriesPoint {
  /** The start of the group; 0 for `none`. */
  bucketMs: number;
  /** The lowest corrected time of the events that count. */
  firstMs: number;
  value: number;
  /** The events that count: those with a value; all of them for the aggregation `count`. */
  count: number;
}

/**
 * The groups of a series that have an event that counts, in order of time. Whole minutes come from the rollups, which hold
 * every event from the moment that it is stored; parts of a minute, and percentiles, from the events themselves. All is
 * read through one reader, so over one snapshot.
 * @throws RawEventsGoneError where events are needed that retention has taken
 */
export async function readSeries(reader: Reader, series: Series, question: SeriesQuestion): Promise<SeriesPoint[]> {
  const { range, granularity, aggregation, retention, bySessions } = question;
  if (isPercentile(aggregation)) {
    const groups = await seriesPercentiles(reader, series, {
      range,
      granularity,
      percentile: aggregation,
      retention,
      bySessions,
    });
    return groups.map((group) => toPoint(group, group.amount));
  }
  const { minutes, edges } = splitRange(range);
  const [parts, ...ends] = await Promise.all([
    minutes ? seriesRollups(reader, series, { minutes, granularity, aggregation }) : [],
    ...edges.map(async (edge) => {
      const part = await seriesEdge(reader, series, { edge, aggregation, retention });
      return part && { ...part, bucketMs: bucketStart(granularity, edge.minuteMs) };
    }),
  ]);
  const groups = mergeParts(aggregation, [...parts, ...ends.filter((part) => part !== undefined)]);
  const isMean = aggregation === 'avg';
  return groups.map((group) => toPoint(group, isMean ? group.amount / group.count : group.amount));
}

const toPoint = ({ bucketMs, firstMs, count }: SeriesPart, value: number): SeriesPoint => ({
  bucketMs,
  firstMs,
  value,
  count,
});

/** The whole minutes of a range, and the parts of a minute at its ends; together they are the range, each time once. */
function splitRange({ fromMs, toMs }: SeriesQuestion['range']): { minutes?: WholeMinutes; edges: Edge[] } {
  if (fromMs >= toMs) return { edges: [] };
  const [first, last] = [fromMs, toMs].map((ms) => Math.floor(ms / MINUTE_MS) * MINUTE_MS) as [number, number];
  if (first === last) return { edges: [{ minuteMs: first, fromMs, toMs }] };
  const edges: Edge[] = [];
  const minutes = { fromMs: fromMs === first ? first : first + MINUTE_MS, toMs: last };
  if (fromMs > first) edges.push({ minuteMs: first, fromMs, toMs: minutes.fromMs });
  if (toMs > last) edges.push({ minuteMs: last, fromMs: last, toMs });
  return minutes.fromMs < minutes.toMs ? { minutes, edges } : { edges };
}
