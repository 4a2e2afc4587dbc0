import type { Reader } from '../read-only.ts';
import { type CheckResult, type Hours, NO_PLACE, runCheck } from './check.ts';

/**
 * The sessions that had an event stored in these hours: count, first and last time of all their events, and between which
 * skews these are, where that is known. Where events of a project were removed, a session may count more than are left, its
 * skews may lie further apart, and its times are not compared.
 */
export function verifySessions(reader: Reader, { firstBatch, lastBatch, everything }: Hours): Promise<CheckResult> {
  const key = 'project_id, session_id';
  return runCheck(reader, 'sessions', {
    values: [firstBatch, lastBatch, everything],
    ctes: `touched AS MATERIALIZED (
      SELECT DISTINCT ${key} FROM events WHERE NOT $3 AND batch_id BETWEEN $1 AND $2
    ), counted AS (
      SELECT ${key}, count(*) AS n, min(occurred_at + skew_ms * interval '1 ms') AS first,
        max(occurred_at + skew_ms * interval '1 ms') AS last, min(skew_ms) AS least, max(skew_ms) AS greatest
      FROM events WHERE $3 OR (${key}) IN (SELECT ${key} FROM touched) GROUP BY ${key}
    ), kept AS (
      SELECT ${key}, event_count, first_at, last_at, least_skew_ms, greatest_skew_ms, skews_of = event_count AS knows_skews
      FROM sessions WHERE $3 OR (${key}) IN (SELECT ${key} FROM touched)
    ), thinned AS (
      SELECT project_id FROM ledger GROUP BY project_id HAVING sum(removed) > 0
    ), compared AS (
      SELECT ${key}, coalesce(k.event_count, 0) AS event_count, coalesce(c.n, 0) AS n, k.first_at, k.last_at, c.first, c.last,
        k.least_skew_ms, k.greatest_skew_ms, k.knows_skews, c.least, c.greatest, t.project_id IS NOT NULL AS thinned,
        coalesce(k.event_count * c.n > 0, false) AS there
      FROM kept k FULL JOIN counted c USING (${key}) LEFT JOIN thinned t USING (project_id)
    ), different AS (
      SELECT v.what, project_id, ${NO_PLACE.hour}, ${NO_PLACE.log}, ${NO_PLACE.offset}, session_id, v.booked, v.counted
      FROM compared CROSS JOIN LATERAL (VALUES
        ('events of a session', event_count::numeric, n::numeric, event_count < n, true),
        ('first time of a session, ms', extract(epoch FROM first_at) * 1000, extract(epoch FROM first) * 1000, false, there),
        ('last time of a session, ms', extract(epoch FROM last_at) * 1000, extract(epoch FROM last) * 1000, false, there),
        ('least skew of a session, ms', least_skew_ms, least, least_skew_ms > least, there AND knows_skews),
        ('greatest skew of a session, ms', greatest_skew_ms, greatest, greatest_skew_ms < greatest, there AND knows_skews)
      ) AS v (what, booked, counted, wrong_if_thinned, compares)
      WHERE compares AND CASE WHEN thinned THEN wrong_if_thinned ELSE v.booked IS DISTINCT FROM v.counted END)`,
  });
}
