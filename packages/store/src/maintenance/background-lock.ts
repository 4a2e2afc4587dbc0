import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../in-transaction.ts';

/** Kinds of work in the background, of which each is done by one process at a time. */
export type BackgroundWork = 'maintenance' | 'hops' | 'user counts';

/**
 * Runs the work unless another process is at it. The lock is held by a transaction that does nothing else, so that it
 * works behind PgBouncer, and ends with its connection.
 * @returns undefined where another process is at it
 */
export async function withBackgroundLock<T>(
  pool: Pool,
  kind: BackgroundWork,
  work: () => Promise<T>,
): Promise<T | undefined> {
  return inTransaction(pool, async (client) => {
    await client.query('SET LOCAL idle_in_transaction_session_timeout = 0');
    return (await takeBackgroundLock(client, kind)) ? work() : undefined;
  });
}

/** Takes the lock for the transaction of a client, in which all of the work is done; false where another process is at it. */
export async function takeBackgroundLock(client: PoolClient, kind: BackgroundWork): Promise<boolean> {
  const { rows } = await client.query<{ held: boolean }>(
    'SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0)) AS held',
    [`wayline ${kind}`],
  );
  return rows[0]?.held === true;
}
