import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import type { EventPartition } from '../write/event-partitions.ts';
import { BOOK_REMOVED } from './book-removed.ts';
import { boundedTransaction } from './bounded-transaction.ts';
import { projectsIn } from './event-tables.ts';

/** Dropping locks all of `events` for a moment: who queries waits behind it for so long at most. */
const DROP_LOCK_MS = 500;
const DROP_ATTEMPTS = 20;
const BETWEEN_ATTEMPTS_MS = 1_000;

/**
 * Drops a partition, and books its rows as removed in the same transaction. While they are counted nobody writes into it;
 * readers go on.
 * @param isExpired asked once more for each project that has rows, when nobody can add any
 * @returns the rows that were in it, or undefined where it may not be dropped after all
 */
export async function dropPartition(
  pool: Pool,
  partition: EventPartition,
  isExpired: (projectId: number) => boolean,
): Promise<number | undefined> {
  const { table } = partition;
  return boundedTransaction(pool, { lockMs: 5_000, statementMs: 3_600_000 }, async (client) => {
    await client.query(`LOCK TABLE ${table} IN SHARE ROW EXCLUSIVE MODE`);
    if (!(await projectsIn(client, partition)).every(isExpired)) return undefined;
    const { rows } = await client.query<{ rows: number }>(
      `WITH gone AS (SELECT project_id, batch_id, received_at FROM ${table}), ${BOOK_REMOVED}
       SELECT coalesce(sum(n), 0)::bigint AS rows FROM by_batch`,
    );
    await drop(client, table);
    return rows[0]?.rows ?? 0;
  });
}

async function drop(client: PoolClient, table: string): Promise<void> {
  await client.query(`SET LOCAL lock_timeout = ${DROP_LOCK_MS}`);
  for (let attempt = 1; ; attempt++) {
    await client.query('SAVEPOINT before_drop');
    try {
      await client.query(`DROP TABLE ${table}`);
      return;
    } catch (error) {
      if ((error as { code?: string }).code !== '55P03' || attempt >= DROP_ATTEMPTS) throw error;
      await client.query('ROLLBACK TO SAVEPOINT before_drop');
      await sleep(BETWEEN_ATTEMPTS_MS);
    }
  }
}
