import { ProblemError } from '@wayline/contracts';
import {
  type Aggregation,
  countBuckets,
  type Granularity,
  ofSeries,
  RawEventsGoneError,
  type Reader,
  readSeries,
  type Series,
  type SeriesPoint,
  seriesExtent,
  type TimeRange,
  type WholeMinutes,
} from '@wayline/store';
import type { Completeness } from '../completeness.ts';
import type { Sources } from '../door.ts';
import { isoTime } from '../iso-time.ts';

/** SQLSTATE: of a sum of doubles that is none any more. */
const NUMERIC_VALUE_OUT_OF_RANGE = '22003';

/** Groups that a range may have, empty ones included. */
const MAX_POINTS = 50_000;

export interface SeriesAsked {
  projectId: number;
  namespace: string;
  type: string;
  /** Corrected time; what is open goes as far as there are events. */
  range: TimeRange;
  granularity: Granularity;
  aggregation: Aggregation;
  /** Whether a closed range counts only as far as there are events in it. */
  cutToEvents?: boolean;
  /** The request's. */
  signal: AbortSignal;
}

export interface SeriesAnswer {
  points: SeriesPoint[];
  /** What the range came to; undefined where it is open and there are no events. */
  range: WholeMinutes | undefined;
}

/** @throws ProblemError `invalid_request` for more groups than `MAX_POINTS` */
export function refuseTooManyPoints(granularity: Granularity, range: { fromMs: number; toMs: number }): void {
  const points = countBuckets(granularity, range);
  if (points <= MAX_POINTS) return;
  throw new ProblemError(
    'invalid_request',
    `By ${granularity}, the time from ${isoTime(range.fromMs)} to ${isoTime(range.toMs)} has ${points} groups, and an answer holds ${MAX_POINTS}; ask for a shorter time, or for longer groups (\`granularity\`).`,
  );
}

/**
 * The groups of a series, over one snapshot. A series that nothing was ever stored of has none.
 * @throws ProblemError `invalid_request` for too many groups, `events_expired` where events are needed that retention has
 *   taken
 */
export async function askSeries(
  sources: Pick<Sources, 'read' | 'retentionDays' | 'now'>,
  { projectId, namespace, type, range: asked, granularity, aggregation, cutToEvents = false, signal }: SeriesAsked,
  { throughMs }: Completeness,
): Promise<SeriesAnswer> {
  const { fromMs, toMs } = asked;
  const closed = fromMs !== undefined && toMs !== undefined ? { fromMs, toMs } : undefined;
  const retention = { throughMs: throughMs ?? sources.now(), defaultDays: sources.retentionDays };
  try {
    const read = async (reader: Reader, series: Series): Promise<SeriesAnswer> => {
      const extent = closed && !cutToEvents ? closed : await seriesExtent(reader, series);
      if (!extent) return { points: [], range: undefined };
      const range = rangeOf(asked, extent, cutToEvents);
      refuseTooManyPoints(granularity, range);
      const points = await readSeries(reader, series, { range, granularity, aggregation, retention });
      if (!points.every(({ value }) => Number.isFinite(value))) throw beyondDouble();
      return { points, range };
    };
    const answer = await sources.read(
      (reader) => ofSeries(reader, { projectId, namespace, type }, (series) => read(reader, series)),
      signal,
    );
    return answer ?? { points: [], range: closed };
  } catch (error) {
    if (error instanceof RawEventsGoneError) throw expired(error, aggregation);
    throw (error as { code?: unknown }).code === NUMERIC_VALUE_OUT_OF_RANGE ? beyondDouble() : error;
  }
}

/** An end that is open is where the events end; where it is said, so is one that lies beyond them. */
function rangeOf({ fromMs, toMs }: TimeRange, extent: WholeMinutes, isCut: boolean): { fromMs: number; toMs: number } {
  const from = isCut ? Math.max(fromMs ?? extent.fromMs, extent.fromMs) : (fromMs ?? extent.fromMs);
  const to = isCut ? Math.min(toMs ?? extent.toMs, extent.toMs) : (toMs ?? extent.toMs);
  return { fromMs: Math.min(from, to), toMs: to };
}

const beyondDouble = (): ProblemError =>
  new ProblemError(
    'invalid_request',
    'The values of a group add up to more than a double holds; ask for shorter groups (`granularity`), or for `min`, `max` or a percentile.',
  );

function expired({ keptFromMs }: RawEventsGoneError, aggregation: Aggregation): ProblemError {
  const kept = `The single events from before ${isoTime(keptFromMs)} are deleted`;
  const instead = /^p\d/.test(aggregation)
    ? 'and percentiles need them; begin there, or ask for another aggregation'
    : 'and a range that begins or ends within a minute needs them; begin there, or at whole minutes';
  return new ProblemError('events_expired', `${kept}, ${instead}.`);
}
