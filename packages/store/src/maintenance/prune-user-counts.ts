import type { Pool } from 'pg';
import { boundedTransaction } from './bounded-transaction.ts';
import type { Pace } from './pacing.ts';

const EXPIRED = `
  DELETE FROM user_count_history h USING (
    SELECT project_id, minute FROM user_count_history
    WHERE minute < date_trunc('day', now(), 'UTC') - $1::integer * interval '1 day' ORDER BY minute LIMIT $2
  ) old
  WHERE h.project_id = old.project_id AND h.minute = old.minute`;

/** Deletes counts of users that were recorded more than so many whole days ago, by the database's clock. */
export async function pruneUserCounts(pool: Pool, days: number | undefined, pace: Pace): Promise<number> {
  let deleted = 0;
  while (days !== undefined && pace.goesOn()) {
    const count = await pace.step(() =>
      boundedTransaction(pool, { lockMs: 5_000, statementMs: 60_000 }, async (client) => {
        const { rowCount } = await client.query(EXPIRED, [days, pace.chunkRows]);
        return rowCount ?? 0;
      }),
    );
    deleted += count;
    if (count < pace.chunkRows) break;
  }
  return deleted;
}
