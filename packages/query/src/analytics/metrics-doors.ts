import { ProblemError } from '@wayline/contracts';
import { type UserCounts, userCountHistory } from '@wayline/store';
import { createCursors, pageOf } from '../cursors.ts';
import { completenessFields, type Door, type Sources } from '../door.ts';
import { isoTime } from '../iso-time.ts';
import type { LatestMetrics } from './latest-metrics.ts';

/** How often they are counted. */
export const METRICS_EVERY_SECONDS = 60;

export interface Metrics {
  timestamp: string;
  uniqueUsers: number;
  uniqueUsersWithObjectInView: number;
}

export function metricsOf({ minuteMs, users, sawObject }: UserCounts): Metrics {
  return { timestamp: isoTime(minuteMs), uniqueUsers: users, uniqueUsersWithObjectInView: sawObject };
}

/** `GET /v1/metrics/latest`: users of all time, as they were counted in the last minute. */
export function latestMetricsDoor(latest: LatestMetrics): Door {
  return async ({ projectId }) => {
    const counts = await latest(projectId);
    if (counts) return { body: metricsOf(counts) };
    throw new ProblemError(
      'no_data',
      'No users of this project have been counted yet; that is done once a minute, from its first user on.',
      { retryAfterSeconds: METRICS_EVERY_SECONDS },
    );
  };
}

/** `GET /v1/metrics/history`: the same, of each minute in a range, the oldest first. */
export function metricsHistoryDoor(sources: Sources): Door {
  return async ({ projectId, parameters, signal }) => {
    const range = parameters.range();
    const limit = parameters.limit();
    const cursors = createCursors(['metrics', projectId, parameters.selection()], ['time']);
    const cursor = parameters.text('cursor');
    const [afterMs] = cursor === undefined ? [] : (cursors.read(cursor) as [number]);
    const complete = await sources.completeness();
    const found = await sources.read(
      (reader) => userCountHistory(reader, { projectId, range, limit: limit + 1, afterMs }),
      signal,
    );
    const { items, nextCursor } = pageOf(found, limit, ({ minuteMs }) => cursors.write([minuteMs]));
    return { body: { metrics: items.map(metricsOf), nextCursor, ...completenessFields(complete) } };
  };
}
