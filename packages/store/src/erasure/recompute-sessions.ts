import type { PoolClient } from 'pg';
import { markAllDirty } from '../hops/mark-dirty.ts';
import { SKEW_MARGIN } from '../queries/timestamps.ts';

/** Aggregates that mirror `keepLatest` of write/sessions.ts: the value with the greatest (corrected time, event id). */
const latest = (name: string, column: string, has: string): string =>
  [
    [column, column],
    ['at', `${name}_at`],
    ['event_id', `${name}_event`],
  ]
    .map(([from, to]) => `(array_agg(${from} ORDER BY at DESC, event_id DESC) FILTER (WHERE ${has}))[1] AS ${to}`)
    .join(', ');

const COLUMNS = `first_at, last_at, started_at, ended_at, refreshed_at, event_count, previous_session_id, user_id, user_at,
  user_event, machine_id, machine_at, machine_event, platform, platform_at, platform_event, source_ids, type_ids,
  least_skew_ms, greatest_skew_ms, skews_of`;

const RECOMPUTE = `
  WITH held AS (
    SELECT session_id, first_at - ${SKEW_MARGIN} AS occurred_from, last_at + ${SKEW_MARGIN} AS occurred_to
    FROM sessions WHERE project_id = $1 AND session_id = ANY ($2::text[])
  ), e AS (
    SELECT ev.*, ev.occurred_at + ev.skew_ms * interval '1 ms' AS at,
      coalesce(ev.inline_names ->> 'type', n.name) AS type
    FROM held JOIN events ev ON ev.project_id = $1 AND ev.session_id = held.session_id
      AND ev.occurred_at BETWEEN held.occurred_from AND held.occurred_to
    LEFT JOIN names n ON n.project_id = ev.project_id AND n.kind = 1 AND n.id = ev.type_id
  ), summed AS (
    SELECT session_id, min(at) AS first_at, max(at) AS last_at, count(*) AS event_count,
      min(at) FILTER (WHERE type = 'sessionStarted') AS started_at,
      min(at) FILTER (WHERE type = 'sessionEnded' AND context ->> 'reason' IS DISTINCT FROM 'refreshed') AS ended_at,
      min(at) FILTER (WHERE type = 'sessionEnded' AND context ->> 'reason' = 'refreshed') AS refreshed_at,
      min((context ->> 'previousSessionId') COLLATE "C") FILTER (WHERE type = 'sessionStarted'
        AND json_typeof(context -> 'previousSessionId') = 'string') AS previous_session_id,
      ${latest('user', 'user_id', "user_id <> ''")},
      ${latest('machine', 'machine_id', "machine_id <> ''")},
      ${latest('platform', 'platform', 'platform IS NOT NULL')},
      coalesce(array_agg(DISTINCT source_id) FILTER (WHERE source_id IS NOT NULL), '{}') AS source_ids,
      coalesce(array_agg(DISTINCT type_id) FILTER (WHERE type_id IS NOT NULL), '{}') AS type_ids,
      min(skew_ms) AS least_skew_ms, max(skew_ms) AS greatest_skew_ms, count(*) AS skews_of
    FROM e GROUP BY session_id
  ), kept AS (
    UPDATE sessions s SET (${COLUMNS}) = (SELECT ${COLUMNS} FROM summed WHERE summed.session_id = s.session_id)
    WHERE s.project_id = $1 AND s.session_id IN (SELECT session_id FROM summed) RETURNING 1
  ), gone AS (
    DELETE FROM sessions s USING held WHERE s.project_id = $1 AND s.session_id = held.session_id
      AND s.session_id NOT IN (SELECT session_id FROM summed) RETURNING 1
  )
  SELECT (SELECT count(*) FROM kept) AS kept, (SELECT count(*) FROM gone) AS gone`;

// The pairs that lost events; first by what is left of them, then those of which nothing is.
const RECOMPUTE_MACHINES = `
  WITH given AS (
    SELECT * FROM unnest($2::text[], $3::text[]) AS g (machine_id, session_id)
  ), held AS (
    SELECT m.machine_id, m.session_id, m.first_at - ${SKEW_MARGIN} AS occurred_from,
      m.last_at + ${SKEW_MARGIN} AS occurred_to
    FROM session_machines m JOIN given USING (machine_id, session_id) WHERE m.project_id = $1
    ORDER BY m.machine_id, m.session_id FOR UPDATE OF m
  ), summed AS (
    SELECT h.machine_id, h.session_id, min(at) AS first_at, max(at) AS last_at, count(*) AS n
    FROM held h CROSS JOIN LATERAL (
      SELECT occurred_at + skew_ms * interval '1 ms' AS at FROM events
      WHERE project_id = $1 AND session_id = h.session_id AND machine_id = h.machine_id
        AND occurred_at BETWEEN h.occurred_from AND h.occurred_to
    ) e GROUP BY 1, 2
  ), kept AS (
    UPDATE session_machines m SET first_at = s.first_at, last_at = s.last_at, event_count = s.n FROM summed s
    WHERE m.project_id = $1 AND m.machine_id = s.machine_id AND m.session_id = s.session_id
  )
  DELETE FROM session_machines m USING held h WHERE m.project_id = $1 AND m.machine_id = h.machine_id
    AND m.session_id = h.session_id
    AND NOT EXISTS (SELECT FROM summed s WHERE s.machine_id = h.machine_id AND s.session_id = h.session_id)`;

/**
 * Sums sessions up afresh from the events that are left, and removes those of which none is. The rows must be locked, by
 * `lockSessions`, in a statement before: what another transaction adds is then either seen here, or added afterwards.
 */
export async function recomputeSessions(
  client: PoolClient,
  projectId: number,
  {
    sessionIds,
    machines,
  }: { sessionIds: readonly string[]; machines: readonly { machineId: string; sessionId: string }[] },
): Promise<{ kept: number; gone: number }> {
  const { rows } = await client.query<{ kept: number; gone: number }>(RECOMPUTE, [projectId, sessionIds]);
  if (machines.length > 0) {
    await client.query(RECOMPUTE_MACHINES, [
      projectId,
      machines.map(({ machineId }) => machineId),
      machines.map(({ sessionId }) => sessionId),
    ]);
  }
  await markAllDirty(client, projectId, sessionIds);
  return rows[0] as { kept: number; gone: number };
}

/** Locks the rows of sessions in the order in which workers write them. */
export async function lockSessions(
  client: PoolClient,
  projectId: number,
  sessionIds: readonly string[],
): Promise<void> {
  await client.query(
    'SELECT FROM sessions WHERE project_id = $1 AND session_id = ANY ($2::text[]) ORDER BY session_id FOR UPDATE',
    [projectId, sessionIds],
  );
}
