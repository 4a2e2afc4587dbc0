import type { Pool, PoolClient } from 'pg';

/** Whoever is silent for longer within a transaction was stopped, or is gone: nobody is to wait for the locks that it holds. */
export const IDLE_MS = 15_000;

/** Runs the work in a transaction of its own; what it throws takes everything back, and so does a silence of `IDLE_MS`. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: unknown;
  try {
    await client.query(`BEGIN; SET LOCAL idle_in_transaction_session_timeout = ${IDLE_MS}`);
    const result = await work(client);
    await client.query('COMMIT');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((fault: unknown) => {
      broken = fault;
    });
    throw error;
  } finally {
    client.release(broken instanceof Error ? broken : broken !== undefined);
  }
}
