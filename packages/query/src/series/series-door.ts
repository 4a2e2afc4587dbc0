import {
  AGGREGATIONS,
  type Aggregation,
  bucketStart,
  GRANULARITIES,
  type Granularity,
  nextBucket,
  type SeriesPoint,
} from '@wayline/store';
import { completenessFields, type Door, type Sources } from '../door.ts';
import { createTimeTeller } from '../time-teller.ts';
import { askSeries, refuseTooManyPoints, type SeriesAnswer } from './ask-series.ts';

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
    const tell = createTimeTeller();
    const points = isFilled
      ? withEmpty(answer, { granularity, aggregation, tell })
      : answer.points.map((point) => pointJson(point, tell));
    const json = `{"points":[${points.join(',')}],${JSON.stringify(completenessFields(complete)).slice(1)}`;
    return { body: { json } };
  };
}

type Tell = (ms: number) => string;

/**
 * A group as it is told: `at` the lowest corrected time in it; of an empty group, its start. Put together here, which takes
 * a third of what `JSON.stringify` does: answers hold thousands of them.
 * @param value null, or finite
 */
const json = (at: string, value: number | null, count: number): string =>
  `{"at":"${at}","value":${value},"count":${count}}`;

const pointJson = ({ firstMs, value, count }: SeriesPoint, tell: Tell): string => json(tell(firstMs), value, count);

interface Filling {
  granularity: Granularity;
  aggregation: Aggregation;
  tell: Tell;
}

/** All groups that the range touches. Nothing adds up to 0; nothing else can be said of it. */
function withEmpty({ points, range }: SeriesAnswer, { granularity, aggregation, tell }: Filling): string[] {
  if (!range || range.fromMs >= range.toMs) return [];
  const value = aggregation === 'count' || aggregation === 'sum' ? 0 : null;
  const found = new Map(points.map((point) => [point.bucketMs, point]));
  const all: string[] = [];
  let bucketMs = bucketStart(granularity, range.fromMs);
  do {
    const point = found.get(bucketMs);
    const at = granularity === 'none' ? range.fromMs : bucketMs;
    all.push(point ? pointJson(point, tell) : json(tell(at), value, 0));
    bucketMs = nextBucket(granularity, bucketMs);
  } while (bucketMs < range.toMs);
  return all;
}
