import type { Pool } from 'pg';
import { inTransaction } from './in-transaction.ts';
import type { Reader } from './read-only.ts';

/** What a statement that changes something needs of a connection. */
export type Writer = Reader;

/** Runs the work in a transaction of its own, no statement of which may take longer than told; what it throws takes all back. */
export async function readWrite<T>(
  pool: Pool,
  options: { statementTimeoutMs: number },
  work: (writer: Writer) => Promise<T>,
): Promise<T> {
  return inTransaction(pool, async (client) => {
    await client.query(`SET LOCAL statement_timeout = ${Math.round(options.statementTimeoutMs)}`);
    return work(client);
  });
}
