import type { Pool } from 'pg';
import { BOOK_REMOVED } from '../maintenance/book-removed.ts';
import { boundedTransaction } from '../maintenance/bounded-transaction.ts';
import type { Pace } from '../maintenance/pacing.ts';
import { timestampOf } from '../queries/timestamps.ts';
import { lockSessions, recomputeSessions } from './recompute-sessions.ts';
import { addSeen, JOIN_TYPES, type Seen, type SeenRow, seenColumns } from './seen-by-rest.ts';

/** A user of a project, for what was received before a time, epoch ms. */
export interface ErasedTime {
  projectId: number;
  userId: string;
  beforeMs: number;
}

export interface ErasedCounts {
  events: number;
  /** Sessions that had events of nobody else. */
  sessionsRemoved: number;
  /** Sessions that are summed up afresh from what is left of them. */
  sessionsRecomputed: number;
}

const SESSIONS_AT_ONCE = 200;

/** By user: there is no index on it, each would cost every event. So a partition is read whole, once. */
const SESSIONS_OF_USER = (table: string): string => `
  SELECT e.session_id AS "sessionId", bool_or(e.received_at < $3) AS erased,
    ${seenColumns('e.received_at >= $3')}
  FROM ${table} e ${JOIN_TYPES} WHERE e.project_id = $1 AND (e.user_id = $2 OR e.anonymous_id = $2)
  GROUP BY e.session_id ORDER BY e.session_id`;

const ERASE = (table: string): string => `
  WITH chunk AS MATERIALIZED (
    SELECT ctid AS place FROM ${table} WHERE project_id = $1 AND session_id = ANY ($4::text[])
      AND (user_id = $2 OR anonymous_id = $2) AND received_at < $3 LIMIT $5
  ), gone AS (
    DELETE FROM ${table} t USING chunk WHERE t.ctid = chunk.place
    RETURNING t.project_id, t.batch_id, t.received_at, t.session_id, t.machine_id
  ), ${BOOK_REMOVED}
  SELECT session_id AS "sessionId", machine_id AS "machineId", count(*) AS events FROM gone GROUP BY 1, 2`;

/**
 * Erases the events of a user in one partition, some sessions at a time: in each transaction the events go, the sessions are
 * summed up afresh, and the books are kept.
 * @param seen is told of the newer events that the user has there
 * @returns what was erased
 */
export async function eraseEvents(
  pool: Pool,
  { table, projectId, userId, beforeMs, seen }: ErasedTime & { table: string; seen: Seen },
  pace: Pace,
): Promise<ErasedCounts> {
  const user = [projectId, userId, timestampOf(beforeMs)];
  const { rows } = await pool.query<{ sessionId: string; erased: boolean } & SeenRow>(SESSIONS_OF_USER(table), user);
  for (const row of rows) addSeen(seen, row);
  const total = { events: 0, sessionsRemoved: 0, sessionsRecomputed: 0 };
  const sessionIds = rows.flatMap((row) => (row.erased ? [row.sessionId] : []));
  for (let from = 0; from < sessionIds.length; from += SESSIONS_AT_ONCE) {
    const some = sessionIds.slice(from, from + SESSIONS_AT_ONCE);
    for (let erased = pace.chunkRows; erased >= pace.chunkRows; ) {
      if (!pace.goesOn()) return total;
      const counts = await pace.step(() =>
        eraseChunk(pool, { table, user, sessionIds: some, chunkRows: pace.chunkRows }),
      );
      erased = counts.events;
      total.events += counts.events;
      total.sessionsRemoved += counts.gone;
      if (erased < pace.chunkRows) total.sessionsRecomputed += counts.kept;
    }
  }
  return total;
}

function eraseChunk(
  pool: Pool,
  {
    table,
    user,
    sessionIds,
    chunkRows,
  }: { table: string; user: readonly unknown[]; sessionIds: readonly string[]; chunkRows: number },
): Promise<{ events: number; kept: number; gone: number }> {
  const projectId = user[0] as number;
  return boundedTransaction(pool, { lockMs: 5_000, statementMs: 300_000 }, async (client) => {
    await lockSessions(client, projectId, sessionIds);
    const { rows } = await client.query<{ sessionId: string; machineId: string | null; events: number }>(ERASE(table), [
      ...user,
      sessionIds,
      chunkRows,
    ]);
    const machines = rows.flatMap(({ machineId, sessionId }) => (machineId ? [{ machineId, sessionId }] : []));
    const { kept, gone } = await recomputeSessions(client, projectId, { sessionIds, machines });
    return { events: rows.reduce((sum, { events }) => sum + events, 0), kept, gone };
  });
}
