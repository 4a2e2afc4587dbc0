import { looseTimeMs, ProblemError } from '@wayline/contracts';
import { GRANULARITIES } from '@wayline/store';
import { type Door, type Sources, tellCompleteness } from '../door.ts';
import { isoTime } from '../iso-time.ts';
import type { Parameters } from '../parameters.ts';
import { askSeries } from './ask-series.ts';

export const PREDECESSOR_SERIES = ['tsMin', 'tsMax', 'granularity', 'aggregationType'];
const AGGREGATION_TYPES = ['max', 'min', 'avg'] as const;
/**
 * `GET /api/events/{namespace}/{name}?tsMin&tsMax&granularity&aggregationType`, as a predecessor served it: a list of
 * `{aggregatedTimestamp, value}`, the time in UTC without a zone. Both bounds are in the range; one that is absent is
 * open. A range counts as far as there are events: old clients ask from 0 to now.
 */
export function predecessorSeriesDoor(sources: Sources): Door {
  return async ({ projectId, path, parameters, setHeader, signal }) => {
    const granularity = parameters.choice('granularity', GRANULARITIES) ?? 'none';
    const aggregation = parameters.choice('aggregationType', AGGREGATION_TYPES) ?? 'avg';
    const fromMs = timeOf(parameters, 'tsMin');
    const lastMs = timeOf(parameters, 'tsMax');
    const toMs = lastMs === undefined ? undefined : lastMs + 1;
    if (fromMs !== undefined && toMs !== undefined && fromMs > toMs) {
      throw new ProblemError('invalid_request', '`tsMin` must not be after `tsMax`.');
    }
    const complete = await sources.completeness();
    const { namespace = '', name: type = '' } = path;
    const range = { fromMs, toMs };
    const asked = { projectId, namespace, type, range, granularity, aggregation, cutToEvents: true, signal };
    const { points } = await askSeries(sources, asked, complete);
    tellCompleteness(complete, { setHeader });
    return {
      body: points.map(({ firstMs, value }) => ({ aggregatedTimestamp: withoutZone(firstMs), value })),
    };
  };
}

/** `2020-11-12T11:10:00`; with milliseconds only where there are any. */
const withoutZone = (ms: number): string => isoTime(ms).replace(/(?:\.000)?Z$/, '');

/** Epoch ms, of what the door takes that such numbers are written at. */
function timeOf(parameters: Parameters, name: string): number | undefined {
  const text = parameters.text(name);
  const ms = looseTimeMs(text);
  if (text === undefined || ms !== undefined) return ms;
  throw new ProblemError('invalid_request', `\`${name}\` must be epoch seconds, such as 1605179400.`);
}
