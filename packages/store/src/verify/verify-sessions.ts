import type { Reader } from '../read-only.ts';
import { type CheckResult, type Hours, NO_PLACE, runCheck } from './check.ts';

/**
 * The sessions that had an event stored in these hours: count, first and last time of all their events. Where events of a
 * project were removed, a session may count more than are left, and its times are not compared.
 */
export function verifySessions(reader: Reader, { firstBatch, lastBatch, everything }: Hours): Promise<CheckResult> {
  const key = 'project_id, session_id';
  return runCheck(reader, 'sessions', {
    values: [firstBatch, lastBatch, everything],
    ctes: `touched AS MATERIALIZED (
      SELECT DISTINCT ${key} FROM events WHERE NOT $3 AND batch_id BETWEEN $1 AND $2
    ), counted AS (
      SELECT ${key}, count(*) AS n, min(occurred_at + skew_ms * interval '1 ms') AS first,
        max(occurred_at + skew_ms * interval '1 ms') AS last
      FROM events WHERE $3 OR (${key}) IN (SELECT ${key} FROM touched) GROUP BY ${key}
    ), kept AS (
      SELECT ${key}, event_count, first_at, last_at FROM sessions WHERE $3 OR (${key}) IN (SELECT ${key} FROM touched)
    ), thinned AS (
      SELECT project_id FROM ledger GROUP BY project_id HAVING sum(removed) > 0
    ), compared AS (
      SELECT ${key}, coalesce(k.event_count, 0) AS event_count, coalesce(c.n, 0) AS n, k.first_at, k.last_at, c.first, c.last,
        t.project_id IS NOT NULL AS thinned
      FROM kept k FULL JOIN counted c USING (${key}) LEFT JOIN thinned t USING (project_id)
    ), different AS (
      SELECT v.what, project_id, ${NO_PLACE.hour}, ${NO_PLACE.log}, ${NO_PLACE.offset}, session_id, v.booked, v.counted
      FROM compared CROSS JOIN LATERAL (VALUES
        ('events of a session', event_count::numeric, n::numeric),
        ('first time of a session, ms', extract(epoch FROM first_at) * 1000, extract(epoch FROM first) * 1000),
        ('last time of a session, ms', extract(epoch FROM last_at) * 1000, extract(epoch FROM last) * 1000)
      ) AS v (what, booked, counted)
      WHERE CASE WHEN thinned THEN what = 'events of a session' AND v.booked < v.counted
        ELSE v.booked IS DISTINCT FROM v.counted AND (what = 'events of a session' OR event_count * n > 0) END)`,
  });
}
