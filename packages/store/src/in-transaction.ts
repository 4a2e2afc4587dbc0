import type { Pool, PoolClient } from 'pg';

/** Runs the work in a transaction of its own; what it throws takes everything back. */
export async function inTransaction<T>(pool: Pool, work: (client: PoolClient) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let broken: unknown;
  try {
    await client.query('BEGIN');
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
