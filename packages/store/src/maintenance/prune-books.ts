import type { Pool } from 'pg';
import { timestampOf } from '../queries/timestamps.ts';
import { boundedTransaction } from './bounded-transaction.ts';
import type { Pace } from './pacing.ts';

/** A retry of an id without a time of its own is recognised for so long. */
const KEPT_MS = 7 * 86_400_000;

const CLAIMS = `
  DELETE FROM unclocked_ids WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM unclocked_ids WHERE claimed_at < $1 ORDER BY claimed_at LIMIT $2))`;

// Events refer to their batch for their place in the log: a batch goes when all its events are gone, and only from the
// oldest on, so that what is left of the books has no holes.
const BATCHES = `
  DELETE FROM batches WHERE id IN (
    SELECT id FROM batches WHERE id < coalesce(
      (SELECT id FROM batches WHERE removed < stored OR stored_at >= $1 ORDER BY id LIMIT 1), 9223372036854775807)
    ORDER BY id LIMIT $2)`;

/**
 * Deletes claims, and batches without events, that are older than seven days as of `throughMs`: a retry that stands
 * unread in the log still finds the claim that it has to meet.
 */
export async function pruneBooks(
  pool: Pool,
  throughMs: number,
  pace: Pace,
): Promise<{ claims: number; batches: number }> {
  const before = timestampOf(throughMs - KEPT_MS);
  const deleteAll = async (sql: string): Promise<number> => {
    let deleted = 0;
    while (pace.goesOn()) {
      const count = await pace.step(() =>
        boundedTransaction(pool, { lockMs: 5_000, statementMs: 60_000 }, async (client) => {
          const { rowCount } = await client.query(sql, [before, pace.chunkRows]);
          return rowCount ?? 0;
        }),
      );
      deleted += count;
      if (count < pace.chunkRows) break;
    }
    return deleted;
  };
  return { claims: await deleteAll(CLAIMS), batches: await deleteAll(BATCHES) };
}
