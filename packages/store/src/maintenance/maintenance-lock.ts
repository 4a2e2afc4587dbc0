import type { Pool } from 'pg';
import { inTransaction } from '../settings/change-settings.ts';

/**
 * Runs the work unless another process is at it. The lock is held by a transaction that does nothing else, so that it
 * works behind PgBouncer, and ends with its connection. It spares work, no more: what is done under it is safe to be done twice.
 * @returns undefined where another process is at it
 */
export async function withMaintenanceLock<T>(pool: Pool, work: () => Promise<T>): Promise<T | undefined> {
  return inTransaction(pool, async (client) => {
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    const { rows } = await client.query<{ held: boolean }>(
      `SELECT pg_try_advisory_xact_lock(hashtextextended('wayline maintenance', 0)) AS held`,
    );
    return rows[0]?.held ? work() : undefined;
  });
}
