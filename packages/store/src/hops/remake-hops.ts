import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../in-transaction.ts';
import { SOURCE_KINDS } from '../names.ts';
import { appSteps } from '../queries/app-steps.ts';
import { CORRECTED_AT, INLINE_SOURCE } from '../queries/stored-event.ts';
import { SKEW_MARGIN } from '../queries/timestamps.ts';

/** Marks of one transaction; several may be of one session. */
const MARKS_AT_ONCE = 2_000;
/** Younger marks wait, so that the events of a moment are remade at once. */
const SETTLED = "interval '1 second'";

const TAKE = `
  DELETE FROM dirty_sessions WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM dirty_sessions WHERE marked_at < clock_timestamp() - ${SETTLED} ORDER BY marked_at LIMIT ${MARKS_AT_ONCE}))
  RETURNING project_id, session_id, from_at::text, to_at::text`;

// Parameters $1 to $4: projects, sessions, and from which to which corrected time there are new events; of each session one.
const DIRTY =
  'unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS d (project_id, session_id, from_at, to_at)';

const NEIGHBOUR = (aggregate: 'max' | 'min', condition: string): string => `(
  SELECT ${aggregate}(${CORRECTED_AT}) FROM events e
  LEFT JOIN sources source ON source.project_id = e.project_id AND source.id = e.source_id
  WHERE e.project_id = d.project_id AND e.session_id = d.session_id
    AND e.occurred_at BETWEEN s.first_at - ${SKEW_MARGIN} AND s.last_at + ${SKEW_MARGIN}
    AND ${CORRECTED_AT} ${condition} AND (source.kind = ${SOURCE_KINDS.app} OR ${INLINE_SOURCE} ->> 'kind' = 'app'))`;

/** The hops that new events may have changed: up to that to the next event of an app after them. */
const BOUNDS = `
  SELECT d.project_id, d.session_id, d.from_at::text, coalesce(${NEIGHBOUR('min', '> d.to_at')}, 'infinity')::text AS upper,
    coalesce(${NEIGHBOUR('max', '< d.from_at')}, d.from_at)::text AS lower,
    (s.first_at - ${SKEW_MARGIN})::text AS occurred_from, (s.last_at + ${SKEW_MARGIN})::text AS occurred_to
  FROM ${DIRTY} JOIN sessions s USING (project_id, session_id)`;

const REMOVE = `
  DELETE FROM session_hops h USING unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[])
    AS d (project_id, session_id, from_at, upper)
  WHERE h.project_id = d.project_id AND h.session_id = d.session_id AND h.at BETWEEN d.from_at AND d.upper`;

const STEPS = appSteps([], {
  projectId: 'd.project_id',
  sessionId: 'd.session_id',
  occurredFrom: 'd.occurred_from',
  occurredTo: 'd.occurred_to',
  correctedFrom: 'd.lower',
});

const INSERT = `
  INSERT INTO session_hops (project_id, session_id, at, event_id, from_app, to_app)
  SELECT d.project_id, d.session_id, steps.corrected_at, steps.event_id, steps.before, steps.app
  FROM unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[], $5::timestamptz[], $6::timestamptz[],
      $7::timestamptz[]) AS d (project_id, session_id, from_at, upper, lower, occurred_from, occurred_to)
    CROSS JOIN LATERAL (${STEPS}) steps
  WHERE steps.before <> steps.app AND steps.corrected_at BETWEEN d.from_at AND d.upper
  ON CONFLICT DO NOTHING`;

/** Of sessions that are gone: everything. */
const REMOVE_GONE = `
  DELETE FROM session_hops h USING unnest($1::integer[], $2::text[]) AS d (project_id, session_id)
  WHERE h.project_id = d.project_id AND h.session_id = d.session_id
    AND NOT EXISTS (SELECT FROM sessions s WHERE s.project_id = d.project_id AND s.session_id = d.session_id)`;

interface Mark {
  project_id: number;
  session_id: string;
  from_at: string;
  to_at: string;
}

interface Bounds {
  project_id: number;
  session_id: string;
  from_at: string;
  upper: string;
  lower: string;
  occurred_from: string;
  occurred_to: string;
}

/**
 * Remakes the hops of sessions that have new events of apps. Only one process at a time may do it: two that remade
 * the same session at once could leave a hop that one of them did not see split.
 * @param longestMs no further transaction begins after so long
 * @returns how many sessions were remade
 */
export async function remakeHops(pool: Pool, signal: AbortSignal, longestMs = Infinity): Promise<number> {
  let sessions = 0;
  for (const begunMs = performance.now(); !signal.aborted && performance.now() - begunMs < longestMs; ) {
    const taken = await inTransaction(pool, async (client) => {
      // One snapshot: bounds and hops fit together. What is stored meanwhile has marks of its own.
      await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL jit = off');
      return remakeSome(client);
    });
    sessions += taken.sessions;
    if (taken.marks < MARKS_AT_ONCE) break;
  }
  return sessions;
}

async function remakeSome(client: PoolClient): Promise<{ marks: number; sessions: number }> {
  const { rows: marks } = await client.query<Mark>(TAKE);
  if (marks.length === 0) return { marks: 0, sessions: 0 };
  const { rows: dirty } = await client.query<Mark>(
    `SELECT project_id, session_id, min(from_at)::text AS from_at, max(to_at)::text AS to_at FROM ${DIRTY} GROUP BY 1, 2`,
    columns(marks, ['project_id', 'session_id', 'from_at', 'to_at']),
  );
  const given = columns(dirty, ['project_id', 'session_id', 'from_at', 'to_at']);
  const { rows: bounds } = await client.query<Bounds>(BOUNDS, given);
  await client.query(REMOVE, columns(bounds, ['project_id', 'session_id', 'from_at', 'upper']));
  await client.query(
    INSERT,
    columns(bounds, ['project_id', 'session_id', 'from_at', 'upper', 'lower', 'occurred_from', 'occurred_to']),
  );
  if (bounds.length < dirty.length) await client.query(REMOVE_GONE, given.slice(0, 2));
  return { marks: marks.length, sessions: dirty.length };
}

const columns = <Row>(rows: readonly Row[], names: readonly (keyof Row)[]): unknown[][] =>
  names.map((name) => rows.map((row) => row[name]));
