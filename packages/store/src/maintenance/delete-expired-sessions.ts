import type { Pool } from 'pg';
import { SKEW_MARGIN_MS, timestampOf } from '../queries/timestamps.ts';
import { boundedTransaction } from './bounded-transaction.ts';
import type { Pace } from './pacing.ts';

// Corrected times, a day before the cutoff: by then the `occurred_at` of every event is before it. Sessions are found by
// the index on first_at. Locked in the order in which workers write them. Their
// hops go when they are remade: nobody else may write those.
const SESSIONS = `
  WITH expired AS (
    SELECT session_id FROM sessions WHERE project_id = $1 AND first_at < $2 AND last_at < $2 LIMIT $3
  ), held AS (
    SELECT s.session_id FROM sessions s JOIN expired USING (session_id)
    WHERE s.project_id = $1 ORDER BY s.session_id FOR UPDATE OF s
  ), gone AS (
    DELETE FROM sessions s USING held WHERE s.project_id = $1 AND s.session_id = held.session_id AND s.last_at < $2
    RETURNING s.session_id
  ), marked AS (
    INSERT INTO dirty_sessions (project_id, session_id, from_at, to_at, log_time)
    SELECT $1, session_id, '-infinity', 'infinity', now() FROM gone
  )
  SELECT FROM gone`;

const byMachine = (table: 'session_machines' | 'machines', key: string): string => `
  WITH held AS (
    SELECT ${key} FROM ${table} WHERE project_id = $1 AND last_at < $2 ORDER BY ${key} LIMIT $3 FOR UPDATE
  )
  DELETE FROM ${table} t USING held WHERE t.project_id = $1 AND (${key
    .split(', ')
    .map((column) => `t.${column} = held.${column}`)
    .join(' AND ')}) AND t.last_at < $2`;

const MACHINES = [byMachine('session_machines', 'machine_id, session_id'), byMachine('machines', 'machine_id')];

/**
 * Deletes the sessions of a project all of whose events are from before a time, and with `machines` what is known of
 * machines that were not seen since. A session that reaches past that time keeps its summary as it is, counts included.
 * @returns the number of sessions
 */
export async function deleteExpiredSessions(
  pool: Pool,
  { projectId, beforeMs, machines }: { projectId: number; beforeMs: number; machines: boolean },
  pace: Pace,
): Promise<number> {
  const before = timestampOf(beforeMs - SKEW_MARGIN_MS);
  const deleteAll = async (sql: string): Promise<number> => {
    let deleted = 0;
    while (pace.goesOn()) {
      const count = await pace.step(() =>
        boundedTransaction(pool, { lockMs: 5_000, statementMs: 300_000 }, async (client) => {
          const { rowCount } = await client.query(sql, [projectId, before, pace.chunkRows]);
          return rowCount ?? 0;
        }),
      );
      deleted += count;
      if (count < pace.chunkRows) break;
    }
    return deleted;
  };
  const sessions = await deleteAll(SESSIONS);
  if (machines) for (const sql of MACHINES) await deleteAll(sql);
  return sessions;
}
