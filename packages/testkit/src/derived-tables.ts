import type { ClientBase } from 'pg';
import { wrongRollups } from './recount-rollups.ts';

/**
 * Recounts a table from `events`, and answers with the keys of the rows that are not as they should be: those that
 * differ, are missing, or are too many.
 */
export type Recount = (client: ClientBase) => Promise<string[]>;

const CORRECTED = "occurred_at + skew_ms * interval '1 ms'";

/** The value of the event with the greatest (corrected time, id) that has one. */
const latest = (column: string): string =>
  `(array_agg(${column} ORDER BY at DESC, event_id DESC) FILTER (WHERE nullif(${column}::text, '') IS NOT NULL))[1]`;

const idSet = (column: string): string =>
  `coalesce(array_agg(DISTINCT ${column} ORDER BY ${column}) FILTER (WHERE ${column} IS NOT NULL), '{}')`;

const sorted = (column: string): string =>
  `(SELECT coalesce(array_agg(id ORDER BY id), '{}') FROM unnest(${column}) id)`;

async function keys(client: ClientBase, sql: string): Promise<string[]> {
  const { rows } = await client.query<{ key: string }>(sql);
  return rows.map(({ key }) => key);
}

const sessions: Recount = (client) =>
  keys(
    client,
    `WITH typed AS (
       SELECT e.*, e.${CORRECTED} AS at, coalesce(n.name, e.inline_names ->> 'type') AS type
       FROM events e LEFT JOIN names n ON n.project_id = e.project_id AND n.kind = 1 AND n.id = e.type_id
     ), recounted AS (
       SELECT project_id, session_id, count(*) AS event_count, min(at) AS first_at, max(at) AS last_at,
         min(at) FILTER (WHERE type = 'sessionStarted') AS started_at,
         min(at) FILTER (WHERE type = 'sessionEnded' AND context ->> 'reason' IS DISTINCT FROM 'refreshed') AS ended_at,
         min(at) FILTER (WHERE type = 'sessionEnded' AND context ->> 'reason' = 'refreshed') AS refreshed_at,
         ${latest('user_id')} AS user_id, ${latest('machine_id')} AS machine_id, ${latest('platform')} AS platform,
         ${idSet('source_id')} AS source_ids, ${idSet('type_id')} AS type_ids, min(skew_ms) AS least_skew_ms,
         max(skew_ms) AS greatest_skew_ms
       FROM typed GROUP BY project_id, session_id
     )
     SELECT coalesce(s.session_id, r.session_id) AS key
     FROM sessions s FULL JOIN recounted r USING (project_id, session_id)
     WHERE (s.event_count, s.first_at, s.last_at, s.started_at, s.ended_at, s.refreshed_at, s.user_id, s.machine_id,
         s.platform, ${sorted('s.source_ids')}, ${sorted('s.type_ids')}, s.least_skew_ms, s.greatest_skew_ms, s.skews_of)
       IS DISTINCT FROM (r.event_count, r.first_at, r.last_at, r.started_at, r.ended_at, r.refreshed_at, r.user_id,
         r.machine_id, r.platform, r.source_ids, r.type_ids, r.least_skew_ms, r.greatest_skew_ms, r.event_count)`,
  );

const sessionMachines: Recount = (client) =>
  keys(
    client,
    `SELECT concat_ws(' ', coalesce(m.machine_id, r.machine_id), coalesce(m.session_id, r.session_id)) AS key
     FROM session_machines m FULL JOIN (
       SELECT project_id, machine_id, session_id, count(*) AS event_count, min(${CORRECTED}) AS first_at,
         max(${CORRECTED}) AS last_at
       FROM events WHERE machine_id <> '' GROUP BY project_id, machine_id, session_id) r
       USING (project_id, machine_id, session_id)
     WHERE (m.event_count, m.first_at, m.last_at) IS DISTINCT FROM (r.event_count, r.first_at, r.last_at)`,
  );

const machines: Recount = (client) =>
  keys(
    client,
    `SELECT coalesce(t.machine_id, r.machine_id) AS key FROM machines t FULL JOIN (
       SELECT project_id, machine_id, min(${CORRECTED}) AS first_at, max(${CORRECTED}) AS last_at
       FROM events WHERE machine_id <> '' GROUP BY 1, 2) r USING (project_id, machine_id)
     WHERE (t.first_at, t.last_at) IS DISTINCT FROM (r.first_at, r.last_at)`,
  );

/** Every id that an event carries in place of a name must have its name. */
const names: Recount = (client) =>
  keys(
    client,
    `SELECT DISTINCT concat_ws(' ', 'names', kind, id) AS key FROM events e, LATERAL (
         VALUES (1, type_id), (2, namespace_id), (3, user_agent_id)) AS carried (kind, id)
       WHERE id IS NOT NULL AND NOT EXISTS (
         SELECT FROM names n WHERE n.project_id = e.project_id AND n.kind = carried.kind AND n.id = carried.id)
     UNION ALL
     SELECT DISTINCT concat_ws(' ', 'sources', source_id) FROM events e WHERE source_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM sources s WHERE s.project_id = e.project_id AND s.id = e.source_id)`,
  );

const batches: Recount = (client) =>
  keys(
    client,
    `SELECT coalesce(b.id, e.batch_id)::text AS key
     FROM batches b FULL JOIN (SELECT batch_id, count(*) AS n FROM events GROUP BY batch_id) e ON e.batch_id = b.id
     WHERE b.id IS NULL OR b.stored <> coalesce(e.n, 0)`,
  );

/** Of sessions that are not marked to be remade, and whose order does not rest on `seq`. */
const sessionHops: Recount = (client) =>
  keys(
    client,
    `WITH steps AS (
       SELECT project_id, session_id, at, event_id, app, lag(app) OVER (
         PARTITION BY project_id, session_id ORDER BY at, event_id) AS before
       FROM (SELECT e.project_id, e.session_id, e.${CORRECTED} AS at, e.event_id,
           coalesce(s.name, e.inline_names #>> '{source,name}') AS app
         FROM events e LEFT JOIN sources s ON s.project_id = e.project_id AND s.id = e.source_id
         WHERE s.kind = 1 OR e.inline_names #>> '{source,kind}' = 'app') of_apps
     ), expected AS (
       SELECT project_id, session_id, at, event_id, coalesce(before, '') AS from_app, app AS to_app,
         (extract(epoch FROM at - lag(at) OVER (session)) * 1000)::bigint AS stay_ms,
         lag(at) OVER (PARTITION BY project_id, session_id, app ORDER BY at, event_id) AS app_before_at,
         lag(at) OVER (PARTITION BY project_id, session_id, before, app ORDER BY at, event_id) AS edge_before_at,
         coalesce(lag(app, 2) OVER (session) = app, false) AS is_loop, lead(at) OVER (session) IS NULL AS is_last
       FROM steps WHERE before IS DISTINCT FROM app
       WINDOW session AS (PARTITION BY project_id, session_id ORDER BY at, event_id)
     )
     SELECT DISTINCT coalesce(h.session_id, x.session_id) AS key
     FROM session_hops h FULL JOIN expected x USING (project_id, session_id, at, event_id)
     WHERE (h.from_app, h.to_app, h.stay_ms, h.app_before_at, h.edge_before_at, h.is_loop, h.is_last)
         IS DISTINCT FROM (x.from_app, x.to_app, x.stay_ms, x.app_before_at, x.edge_before_at, x.is_loop, x.is_last)
       AND NOT EXISTS (SELECT FROM dirty_sessions d WHERE d.project_id = coalesce(h.project_id, x.project_id)
         AND d.session_id = coalesce(h.session_id, x.session_id))
       AND NOT EXISTS (SELECT FROM events e WHERE e.project_id = coalesce(h.project_id, x.project_id)
         AND e.session_id = coalesce(h.session_id, x.session_id) AND e.seq IS NOT NULL)`,
  );

const onAnEarlierDay = (column: string): string =>
  `(${column} IS NULL OR date_trunc('day', ${column}, 'UTC') < date_trunc('day', at, 'UTC'))`;

/** The sums of days, by the visits that stand in `session_hops`: both are changed by one transaction. */
const hopDays: Recount = (client) =>
  keys(
    client,
    `WITH counted AS (
       SELECT project_id, date_trunc('day', at, 'UTC') AS day, from_app COLLATE "C" AS from_app, to_app COLLATE "C" AS to_app,
         stay_class, count(*) AS visits, count(*) FILTER (WHERE ${onAnEarlierDay('app_before_at')}) AS app_sessions,
         count(*) FILTER (WHERE ${onAnEarlierDay('edge_before_at')}) AS edge_sessions, count(app_before_at) AS returns,
         count(*) FILTER (WHERE is_loop) AS loops, count(*) FILTER (WHERE is_last) AS lasts
       FROM session_hops GROUP BY 1, 2, 3, 4, 5
     )
     SELECT concat_ws(' ', day, from_app, to_app, stay_class) AS key
     FROM hop_days d FULL JOIN counted c USING (project_id, day, from_app, to_app, stay_class)
     WHERE (d.visits, d.app_sessions, d.edge_sessions, d.returns, d.loops, d.lasts)
       IS DISTINCT FROM (c.visits, c.app_sessions, c.edge_sessions, c.returns, c.loops, c.lasts)`,
  );

/** What is kept beside `events` and follows from it. A further table is a further line here. */
export const DERIVED_TABLES = {
  sessions,
  session_machines: sessionMachines,
  machines,
  names,
  batches,
  rollups: wrongRollups,
  session_hops: sessionHops,
  hop_days: hopDays,
} as const satisfies Readonly<Record<string, Recount>>;
