import type { Pool } from 'pg';
import { boundedTransaction } from '../maintenance/bounded-transaction.ts';
import { readEventTables } from '../maintenance/event-tables.ts';
import { timestampOf } from '../queries/timestamps.ts';
import { UPSERT_USERS } from '../write/rollups.ts';
import { addSeen, type Seen, seenSinceBatch } from './seen-by-rest.ts';
import { whileNobodyStores } from './tombstones.ts';

/**
 * Erases the rows that tell in which hours, or that at all, a user was seen, but for those hours in which events that stay do. The
 * counters that these rows added to stay.
 *
 * Workers go on meanwhile, and do not write rows again that they know of. So these are deleted while nobody stores, after
 * which nobody knows of any; and what was stored since the tombstone, which `seen` may lack, gets its rows back.
 * @param seen by the events that were found to stay
 * @param lastBatch of the tombstone
 * @returns how many rows
 */
export async function eraseUniques(
  pool: Pool,
  { projectId, userId }: { projectId: number; userId: string },
  { seen, lastBatch }: { seen: Seen; lastBatch: number },
): Promise<number> {
  // It reads what the project has of all hours: too long for others to wait.
  const { rows } = await pool.query<{ hour: number }>(
    'SELECT hour FROM hour_users WHERE project_id = $1 AND user_id = $2',
    [projectId, userId],
  );
  const hours = rows.flatMap(({ hour }) => (seen.hours.has(hour) ? [] : [timestampOf(hour)]));
  const erased = await whileNobodyStores(pool, async (client) => {
    const { rowCount: hourRows } = await client.query(
      'DELETE FROM hour_users WHERE project_id = $1 AND user_id = $2 AND hour = ANY ($3::timestamptz[])',
      [projectId, userId, hours],
    );
    if (seen.hours.size > 0) return hourRows ?? 0;
    const { rowCount: userRows } = await client.query(
      `WITH gone AS (DELETE FROM users WHERE project_id = $1 AND user_id = $2 RETURNING project_id, saw_object)
       INSERT INTO user_count_deltas (project_id, users, saw_object) SELECT project_id, -1, -saw_object::integer FROM gone`,
      [projectId, userId],
    );
    return (hourRows ?? 0) + (userRows ?? 0);
  });
  for (const { table } of await readEventTables(pool)) {
    const asked = { table, projectId, userId, lastBatch };
    addSeen(
      seen,
      await boundedTransaction(pool, { lockMs: 5_000, statementMs: 300_000 }, (client) =>
        seenSinceBatch(client, asked),
      ),
    );
  }
  await putBack(pool, { projectId, userId, seen });
  return erased;
}

/** Rows of those who were seen, where they are missing. Nothing is counted anew: that was done when the events were stored. */
async function putBack(
  pool: Pool,
  { projectId, userId, seen: { hours, sawObject } }: { projectId: number; userId: string; seen: Seen },
): Promise<void> {
  if (hours.size === 0) return;
  await boundedTransaction(pool, { lockMs: 5_000, statementMs: 60_000 }, async (client) => {
    await client.query(UPSERT_USERS, [[projectId], [userId], [sawObject]]);
    await client.query(
      `INSERT INTO hour_users (project_id, hour, user_id)
       SELECT $1, hour, $2 FROM unnest($3::timestamptz[]) AS hour ORDER BY hour ON CONFLICT DO NOTHING`,
      [projectId, userId, [...hours].map(timestampOf)],
    );
  });
}
