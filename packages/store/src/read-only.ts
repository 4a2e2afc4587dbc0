import type { Pool, PoolClient } from 'pg';

/** What a read query needs of a connection. */
export type Reader = Pick<PoolClient, 'query'>;

/**
 * Runs reads over one snapshot: what they return fits together. No statement may take longer than told. The settings
 * are the transaction's own, so that it works behind PgBouncer too. JIT is off: compiling costs these reads more
 * than it saves.
 * @param options `statementTimeoutMs` for each statement
 */
export async function readOnly<T>(
  pool: Pool,
  options: { statementTimeoutMs: number },
  work: (reader: Reader) => Promise<T>,
): Promise<T> {
  const client = await pool.connect();
  try {
    await client.query(
      `BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;
       SET LOCAL statement_timeout = ${Math.round(options.statementTimeoutMs)}; SET LOCAL jit = off`,
    );
    const result = await work(client);
    await client.query('COMMIT');
    client.release();
    return result;
  } catch (error) {
    await client.query('ROLLBACK').then(
      () => client.release(),
      () => client.release(true),
    );
    throw error;
  }
}
