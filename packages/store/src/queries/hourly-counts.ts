import { plannedOnce } from '../planned-once.ts';
import type { Reader } from '../read-only.ts';
import { timestampOf } from './timestamps.ts';

const HOUR_MS = 3_600_000;

/** What happened in an hour of the corrected time, UTC. */
export interface HourlyCounts {
  /** Start of the hour, epoch ms. */
  hourMs: number;
  /** Exact, of events of any type; a user is the `userId`, else the `anonymousId`. */
  uniqueUsers: number;
  clicks: number;
  impressions: number;
  events: number;
}

/** Where the hours of a project begin and end, epoch ms; undefined where it has none. */
export async function hourlyExtent(
  reader: Reader,
  projectId: number,
): Promise<{ fromMs: number; toMs: number } | undefined> {
  const { rows } = await reader.query<{ first: number | null; last: number | null }>(
    'SELECT min(hour) AS first, max(hour) AS last FROM hours WHERE project_id = $1',
    [projectId],
  );
  const { first = null, last = null } = rows[0] ?? {};
  return first === null || last === null ? undefined : { fromMs: first, toMs: last + HOUR_MS };
}

/**
 * The hours that begin in [fromMs, toMs) and have events, in order. The counters of an hour stand in several rows: each writer
 * adds to its own, in the transaction that stores the events.
 */
export async function hourlyCounts(
  reader: Reader,
  { projectId, fromMs, toMs }: { projectId: number; fromMs: number; toMs: number },
): Promise<HourlyCounts[]> {
  const { rows } = await reader.query<HourlyCounts>(
    plannedOnce(
      `SELECT hour AS "hourMs", sum(unique_users)::bigint AS "uniqueUsers", sum(clicks)::bigint AS clicks,
       sum(impressions)::bigint AS impressions, sum(events)::bigint AS events
     FROM hours WHERE project_id = $1 AND hour >= $2 AND hour < $3 GROUP BY hour ORDER BY hour`,
      [projectId, timestampOf(fromMs), timestampOf(toMs)],
    ),
  );
  return rows;
}
