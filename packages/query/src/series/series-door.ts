import {
  AGGREGATIONS,
  type Aggregation,
  bucketStart,
  GRANULARITIES,
  type Granularity,
  nextBucket,
} from '@wayline/store';
import { completenessFields, type Door, type Sources } from '../door.ts';
import { askSeries, refuseTooManyPoints, type SeriesAnswer } from './ask-series.ts';
import { PointsWriter } from './points-writer.ts';

/** The parameters of a series beside its range. */
export const GROUPING = ['granularity', 'aggregation', 'empty'];

/** `GET /v1/series/{namespace}/{type}`: what was counted or measured, by minute, hour, …, or all together. */
export function seriesDoor(sources: Sources): Door {
  return async ({ projectId, path, parameters, signal }) => {
    const granularity = parameters.choice('granularity', GRANULARITIES) ?? 'none';
    const aggregation = parameters.choice('aggregation', AGGREGATIONS) ?? 'avg';
    const isFilled = parameters.choice('empty', ['omit', 'include']) === 'include';
    const range = parameters.range();
    const { fromMs, toMs } = range;
    // Before the database is asked for anything; where an end is open, it has to be asked first where the events end.
    if (fromMs !== undefined && toMs !== undefined) refuseTooManyPoints(granularity, { fromMs, toMs });
    const complete = await sources.completeness();
    const { namespace = '', type = '' } = path;
    const asked = { projectId, namespace, type, range, granularity, aggregation, signal };
    const answer = await askSeries(sources, asked, complete);
    const { points } = answer;
    const writer = new PointsWriter(points.length);
    if (isFilled) addFilled(writer, answer, { granularity, aggregation });
    else for (const { firstMs, value, count } of points) writer.add(firstMs, value, count);
    return { body: { json: writer.end(completenessFields(complete)) } };
  };
}

/** All groups that the range touches. Nothing adds up to 0; nothing else can be said of it. */
function addFilled(
  writer: PointsWriter,
  { points, range }: SeriesAnswer,
  { granularity, aggregation }: { granularity: Granularity; aggregation: Aggregation },
): void {
  if (!range || range.fromMs >= range.toMs) return;
  const empty = aggregation === 'count' || aggregation === 'sum' ? 0 : null;
  const found = new Map(points.map((point) => [point.bucketMs, point]));
  let bucketMs = bucketStart(granularity, range.fromMs);
  do {
    const point = found.get(bucketMs);
    if (point) writer.add(point.firstMs, point.value, point.count);
    else writer.add(granularity === 'none' ? range.fromMs : bucketMs, empty, 0);
    bucketMs = nextBucket(granularity, bucketMs);
  } while (bucketMs < range.toMs);
}
