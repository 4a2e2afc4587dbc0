import type { Pool } from 'pg';
import { timestampOf } from '../queries/timestamps.ts';
import type { EventPartition } from '../write/event-partitions.ts';
import { BOOK_REMOVED } from './book-removed.ts';
import { boundedTransaction } from './bounded-transaction.ts';
import type { Pace } from './pacing.ts';

/**
 * Deletes what a project has in a partition from before a time, in the order of the primary key and in small transactions;
 * each books what it removed.
 * @returns the number of rows
 */
export async function deleteExpiredEvents(
  pool: Pool,
  { partition: { table }, projectId, beforeMs }: { partition: EventPartition; projectId: number; beforeMs: number },
  pace: Pace,
): Promise<number> {
  let removed = 0;
  let fromSession = '';
  while (pace.goesOn()) {
    const chunk = await pace.step(() =>
      boundedTransaction(pool, { lockMs: 5_000, statementMs: 300_000 }, async (client) => {
        // From the session at which the last chunk ended: what is deleted already is not walked over again.
        const { rows } = await client.query<{ rows: number; last: string | null }>(
          `WITH chunk AS MATERIALIZED (
             SELECT ctid AS place, session_id FROM ${table}
             WHERE project_id = $1 AND session_id >= $2 AND occurred_at < $3
             ORDER BY session_id, occurred_at, event_id LIMIT $4
           ), gone AS (
             DELETE FROM ${table} t USING chunk WHERE t.ctid = chunk.place
             RETURNING t.project_id, t.batch_id, t.received_at
           ), ${BOOK_REMOVED}
           SELECT coalesce(sum(n), 0)::bigint AS rows, (SELECT max(session_id) FROM chunk) AS last FROM by_batch`,
          [projectId, fromSession, timestampOf(beforeMs), pace.chunkRows],
        );
        return rows[0];
      }),
    );
    removed += chunk?.rows ?? 0;
    if (chunk?.last == null || chunk.rows < pace.chunkRows) break;
    fromSession = chunk.last;
  }
  return removed;
}
