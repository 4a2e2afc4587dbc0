import { setTimeout as sleep } from 'node:timers/promises';
import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../in-transaction.ts';

/** Deadlock, serialization, lock timeout: somebody else was in the way. */
const IN_THE_WAY = ['40P01', '40001', '55P03'];
const ATTEMPTS = 8;

/**
 * A transaction in the background: it gives way to others, waits for no lock longer than `lockMs`, and is tried again where
 * somebody was in its way.
 */
export async function boundedTransaction<T>(
  pool: Pool,
  { lockMs, statementMs }: { lockMs: number; statementMs: number },
  work: (client: PoolClient) => Promise<T>,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await inTransaction(pool, async (client) => {
        await client.query(`SET LOCAL lock_timeout = ${lockMs}; SET LOCAL statement_timeout = ${statementMs}`);
        return work(client);
      });
    } catch (error) {
      if (attempt >= ATTEMPTS || !IN_THE_WAY.includes((error as { code?: string }).code ?? '')) throw error;
      await sleep(100 * attempt);
    }
  }
}
