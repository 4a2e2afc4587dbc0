import type { ClientBase } from 'pg';

const AT = "e.occurred_at + e.skew_ms * interval '1 ms'";
const USER = "coalesce(nullif(e.user_id, ''), e.anonymous_id)";

/**
 * Each derived table beside a recount over the events: what differs, as rows with a `what`. Events whose type or
 * namespace stands inline are left out of the series.
 */
const RECOUNTS = [
  `WITH kept AS (
     SELECT project_id, namespace_id, type_id, minute, sum(events) AS events, sum(valued) AS valued, min(value_min) AS least,
       max(value_max) AS greatest, min(first_at) AS first, min(first_valued_at) AS first_valued, sum(value_sum) AS total
     FROM series_minutes GROUP BY 1, 2, 3, 4
   ), counted AS (
     SELECT project_id, namespace_id, type_id, date_trunc('minute', ${AT}, 'UTC') AS minute, count(*) AS events,
       count(value) AS valued, min(value) AS least, max(value) AS greatest, min(${AT}) AS first,
       min(${AT}) FILTER (WHERE value IS NOT NULL) AS first_valued, coalesce(sum(value), 0) AS total
     FROM events e WHERE namespace_id IS NOT NULL AND type_id IS NOT NULL GROUP BY 1, 2, 3, 4
   )
   SELECT 'series_minutes' AS what, k.*, c.* FROM kept k FULL JOIN counted c USING (project_id, namespace_id, type_id, minute)
   WHERE (k.events, k.valued, k.least, k.greatest, k.first, k.first_valued)
       IS DISTINCT FROM (c.events, c.valued, c.least, c.greatest, c.first, c.first_valued)
     OR abs(k.total - c.total) > 1e-9 * greatest(abs(k.total), abs(c.total), 1)`,
  `SELECT 'hour_users' AS what, * FROM hour_users k FULL JOIN (
     SELECT DISTINCT project_id, date_trunc('hour', ${AT}, 'UTC') AS hour, ${USER} AS user_id FROM events e WHERE ${USER} <> ''
   ) c USING (project_id, hour, user_id)
   WHERE k.user_id IS NULL OR c.user_id IS NULL`,
  `WITH kept AS (
     SELECT project_id, hour, sum(events) AS events, sum(clicks) AS clicks, sum(impressions) AS impressions,
       sum(unique_users) AS users FROM hours GROUP BY 1, 2
   ), counted AS (
     SELECT e.project_id, date_trunc('hour', ${AT}, 'UTC') AS hour, count(*) AS events,
       count(*) FILTER (WHERE n.name = 'click') AS clicks, count(*) FILTER (WHERE n.name = 'impression') AS impressions,
       count(DISTINCT nullif(${USER}, '')) AS users
     FROM events e LEFT JOIN names n ON n.project_id = e.project_id AND n.kind = 1 AND n.id = e.type_id GROUP BY 1, 2
   )
   SELECT 'hours' AS what, k.*, c.* FROM kept k FULL JOIN counted c USING (project_id, hour)
   WHERE (k.events, k.clicks, k.impressions, k.users) IS DISTINCT FROM (c.events, c.clicks, c.impressions, c.users)`,
  `SELECT 'users' AS what, * FROM users k FULL JOIN (
     SELECT e.project_id, ${USER} AS user_id, bool_or(coalesce(n.name = 'objectInView', false)) AS saw
     FROM events e LEFT JOIN names n ON n.project_id = e.project_id AND n.kind = 1 AND n.id = e.type_id
     WHERE ${USER} <> '' GROUP BY 1, 2
   ) c USING (project_id, user_id)
   WHERE k.saw_object IS DISTINCT FROM c.saw`,
  `SELECT 'series_hours' AS what, h.*, m.* FROM series_hours h FULL JOIN (
     SELECT project_id, namespace_id, type_id, date_trunc('hour', minute, 'UTC') AS hour, sum(events) AS events,
       sum(valued) AS valued, min(value_min) AS least, max(value_max) AS greatest, min(first_at) AS first,
       min(first_valued_at) AS first_valued, sum(value_sum) AS total
     FROM series_minutes WHERE slot = -2 GROUP BY 1, 2, 3, 4
   ) m USING (project_id, namespace_id, type_id, hour)
   WHERE (h.events, h.valued, h.value_min, h.value_max, h.first_at, h.first_valued_at)
       IS DISTINCT FROM (m.events, m.valued, m.least, m.greatest, m.first, m.first_valued)
     OR abs(h.value_sum - m.total) > 1e-9 * greatest(1, abs(m.total))`,
  `WITH kept AS (
     SELECT project_id, sum(users) AS users, sum(saw_object) AS saw FROM (
       SELECT project_id, users, saw_object FROM user_counts UNION ALL
       SELECT project_id, users, saw_object FROM user_count_deltas) parts GROUP BY 1
   ), counted AS (
     SELECT project_id, count(*) AS users, count(*) FILTER (WHERE saw_object) AS saw FROM users GROUP BY 1
   )
   SELECT 'user_counts' AS what, k.*, c.* FROM kept k FULL JOIN counted c USING (project_id)
   WHERE (coalesce(k.users, 0), coalesce(k.saw, 0)) <> (coalesce(c.users, 0), coalesce(c.saw, 0))`,
];

/** What of the rollups and uniques differs from a recount over the events, as JSON; empty where nothing does. */
export async function wrongRollups(client: ClientBase): Promise<string[]> {
  const wrong: string[] = [];
  for (const sql of RECOUNTS) {
    const { rows } = await client.query(`${sql} LIMIT 100`);
    for (const row of rows) wrong.push(JSON.stringify(row));
  }
  return wrong;
}
