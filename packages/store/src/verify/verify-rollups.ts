import type { Reader } from '../read-only.ts';
import { SETTLED_SLOT } from '../series-sums.ts';
import { type CheckResult, type Hours, NO_PLACE, runCheck } from './check.ts';

/**
 * The rollups of the hours (of corrected time) in which an event was stored: events and users by hour, and events of the
 * series. Rollups stay when events of a project are removed: then they may hold more than a recount gives.
 */
export function verifyRollups(reader: Reader, { firstBatch, lastBatch, everything }: Hours): Promise<CheckResult> {
  const key = 'project_id, hour';
  const hourOfEvent = `date_trunc('hour', occurred_at + skew_ms * interval '1 ms', 'UTC')`;
  const looked = (hour: string) => `($3 OR (project_id, ${hour}) IN (SELECT ${key} FROM touched))`;
  return runCheck(reader, 'rollups', {
    values: [firstBatch, lastBatch, everything],
    ctes: `touched AS MATERIALIZED (
      SELECT DISTINCT project_id, ${hourOfEvent} AS hour FROM events WHERE NOT $3 AND batch_id BETWEEN $1 AND $2
    ), counted AS (
      SELECT project_id, ${hourOfEvent} AS hour, count(*) AS events,
        count(DISTINCT coalesce(nullif(user_id, ''), nullif(anonymous_id, ''))) AS users
      FROM events WHERE ${looked(hourOfEvent)} GROUP BY 1, 2
    ), hourly AS (
      SELECT ${key}, sum(events) AS events, sum(unique_users) AS users FROM hours WHERE ${looked('hour')} GROUP BY ${key}
    ), series AS (
      SELECT project_id, date_trunc('hour', minute, 'UTC') AS hour, sum(events) AS events,
        sum(events) FILTER (WHERE slot = ${SETTLED_SLOT}) AS settled FROM series_minutes
      WHERE ${looked(`date_trunc('hour', minute, 'UTC')`)} GROUP BY 1, 2
    ), series_of_hours AS (
      SELECT ${key}, sum(events) AS events FROM series_hours WHERE ${looked('hour')} GROUP BY ${key}
    ), seen AS (
      SELECT ${key}, count(*) AS users FROM hour_users WHERE ${looked('hour')} GROUP BY ${key}
    ), thinned AS (
      SELECT project_id FROM ledger GROUP BY project_id HAVING sum(removed) > 0
    ), compared AS (
      SELECT ${key}, coalesce(c.events, 0) AS events, coalesce(c.users, 0) AS users, coalesce(h.events, 0) AS hour_events,
        coalesce(h.users, 0) AS hour_users, coalesce(m.events, 0) AS series_events,
        coalesce(m.settled, 0) AS settled_events, coalesce(o.events, 0) AS summed_events, coalesce(s.users, 0) AS seen_users,
        t.project_id IS NOT NULL AS thinned
      FROM counted c FULL JOIN hourly h USING (${key}) FULL JOIN series m USING (${key}) FULL JOIN series_of_hours o USING (${key})
        FULL JOIN seen s USING (${key})
        LEFT JOIN thinned t USING (project_id)
    ), different AS (
      SELECT v.what, ${key}, ${NO_PLACE.log}, ${NO_PLACE.offset}, ${NO_PLACE.session}, v.booked, v.counted
      FROM compared CROSS JOIN LATERAL (VALUES
        ('events of an hour', hour_events, events),
        ('events of an hour, in series', series_events, events),
        ('events of an hour, in series by hour', summed_events, settled_events),
        ('users of an hour', hour_users, users),
        ('users of an hour, by name', seen_users, users)) AS v (what, booked, counted)
      WHERE CASE WHEN thinned THEN v.booked < v.counted ELSE v.booked <> v.counted END)`,
  });
}
