import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../in-transaction.ts';
import { SOURCE_KINDS } from '../names.ts';
import { CORRECTED_AT, INLINE_SOURCE } from '../queries/stored-event.ts';
import { SKEW_MARGIN } from '../queries/timestamps.ts';
import { bookHopDays } from './hop-days.ts';
import { changesOf, lookupsOf, noteLookup, remadeSession } from './remade-session.ts';
import { addVisits, lastBefore, readArrivals, readVisits, removeVisits, type Stretch } from './visit-rows.ts';

/** Marks of one transaction at most; several may be of one session. More cost a little less, and hold up who else is in this process for 100 ms. */
const MARKS_AT_ONCE = 500;
/** Younger marks wait, so that the events of a moment are remade at once. */
const SETTLED = "interval '1 second'";

const TAKE = `
  DELETE FROM dirty_sessions WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM dirty_sessions WHERE dirty_at < clock_timestamp() - ${SETTLED} ORDER BY dirty_at LIMIT $1))
  RETURNING project_id, session_id, from_at::text, to_at::text`;

// Parameters $1 to $4: projects, sessions, and from which to which corrected time there are new events.
const MARKED =
  'unnest($1::integer[], $2::text[], $3::timestamptz[], $4::timestamptz[]) AS d (project_id, session_id, from_at, to_at)';

const NEIGHBOUR = (aggregate: 'max' | 'min', condition: string): string => `(
  SELECT ${aggregate}(${CORRECTED_AT}) FROM events e
  LEFT JOIN sources source ON source.project_id = e.project_id AND source.id = e.source_id
  WHERE e.project_id = d.project_id AND e.session_id = d.session_id
    AND e.occurred_at BETWEEN s.first_at - ${SKEW_MARGIN} AND s.last_at + ${SKEW_MARGIN}
    AND ${CORRECTED_AT} ${condition} AND (source.kind = ${SOURCE_KINDS.app} OR ${INLINE_SOURCE} ->> 'kind' = 'app'))`;

/** Of each session one stretch: what its new events may have changed. A session that is gone is one, as a whole. */
const STRETCHES = `
  SELECT d.project_id, d.session_id, CASE WHEN s.session_id IS NULL THEN '-infinity' ELSE d.from_at END::text AS from_at,
    coalesce(${NEIGHBOUR('min', '> d.to_at')}, 'infinity')::text AS upper,
    coalesce(${NEIGHBOUR('max', '< d.from_at')}, d.from_at)::text AS lower,
    (s.first_at - ${SKEW_MARGIN})::text AS occurred_from, (s.last_at + ${SKEW_MARGIN})::text AS occurred_to
  FROM (SELECT project_id, session_id, min(from_at) AS from_at, max(to_at) AS to_at FROM ${MARKED} GROUP BY 1, 2) d
  LEFT JOIN sessions s USING (project_id, session_id)`;

export interface RemakeBounds {
  /** No further transaction begins after so long, ms. */
  longestMs?: number;
  /** Marks of one transaction at most: the fewer, the shorter it keeps a processor busy. */
  marksAtOnce?: number;
}

interface Mark {
  project_id: number;
  session_id: string;
  from_at: string;
  to_at: string;
}

/**
 * Remakes the visits and hops of sessions that have new events of apps, and books the change in the sums of days. Only one
 * process at a time may do it: two that remade the same session at once could leave a hop that one of them did not see
 * split, and nobody else may write these tables.
 * @returns how many sessions were remade
 */
export async function remakeHops(pool: Pool, signal: AbortSignal, bounds: RemakeBounds = {}): Promise<number> {
  const { longestMs = Number.POSITIVE_INFINITY, marksAtOnce = MARKS_AT_ONCE } = bounds;
  let sessions = 0;
  for (const begunMs = performance.now(); !signal.aborted && performance.now() - begunMs < longestMs; ) {
    const taken = await inTransaction(pool, async (client) => {
      // One snapshot: stretches and hops fit together. What is stored meanwhile has marks of its own.
      await client.query('SET TRANSACTION ISOLATION LEVEL REPEATABLE READ; SET LOCAL jit = off');
      return remakeSome(client, marksAtOnce);
    });
    sessions += taken.sessions;
    if (taken.marks < marksAtOnce) break;
  }
  return sessions;
}

async function remakeSome(client: PoolClient, most: number): Promise<{ marks: number; sessions: number }> {
  const { rows: marks } = await client.query<Mark>(TAKE, [most]);
  if (marks.length === 0) return { marks: 0, sessions: 0 };
  const { rows: stretches } = await client.query<Stretch>(
    STRETCHES,
    (['project_id', 'session_id', 'from_at', 'to_at'] as const).map((column) => marks.map((mark) => mark[column])),
  );
  const arrivals = await readArrivals(client, stretches);
  const kept = await readVisits(client, stretches);
  const sessions = stretches.map((stretch, i) => remadeSession(stretch, arrivals[i] ?? [], kept[i] ?? []));
  const lookups = sessions.flatMap((session) => lookupsOf(session).map((lookup) => ({ session, lookup })));
  const found = await lastBefore(
    client,
    lookups.map(({ lookup }) => lookup),
  );
  lookups.forEach(({ session, lookup }, i) => {
    noteLookup(session, lookup, found[i]);
  });
  const changes = sessions.map(changesOf);
  const removed = changes.flatMap((change) => change.removed);
  const added = changes.flatMap((change) => change.added);
  await removeVisits(client, removed);
  await addVisits(client, added);
  await bookHopDays(client, { removed, added });
  return { marks: marks.length, sessions: stretches.length };
}
