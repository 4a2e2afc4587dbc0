import type { Pool } from 'pg';
import { readEventTables } from './event-tables.ts';

/**
 * Sums up the pages of `events` that are new since the last time, so that the events of a batch are found without reading
 * them all; PostgreSQL does that by itself, but only about once a minute. Without waiting for anybody's locks.
 * @param times between which `occurred_at` the new rows lie, epoch ms
 * @returns whether it may: false on a replica, or for a role that does not own the table
 */
export async function sumUpBatches(pool: Pool, times: { fromMs: number; toMs: number }): Promise<boolean> {
  const client = await pool.connect();
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = '50ms'; SET LOCAL statement_timeout = '10s'`);
    const tables = (await readEventTables(client))
      .filter(({ fromMs, toMs }) => fromMs <= times.toMs && toMs > times.fromMs)
      .map(({ table }) => table);
    await client.query(
      `SELECT brin_summarize_new_values(x.indexrelid) FROM pg_index x JOIN pg_inherits i ON i.inhrelid = x.indexrelid
       WHERE i.inhparent = 'events_by_batch'::regclass AND x.indrelid = ANY ($1::text[]::regclass[])`,
      [tables],
    );
    await client.query('COMMIT');
    client.release();
    return true;
  } catch (error) {
    await client.query('ROLLBACK').then(
      () => client.release(),
      () => client.release(true),
    );
    // Somebody holds the table (a vacuum sums up, too), or it was dropped: another time.
    return !NOT_ALLOWED.has((error as { code?: string }).code ?? '');
  }
}

/** insufficient_privilege, object_not_in_prerequisite_state (in recovery), read_only_sql_transaction. */
const NOT_ALLOWED = new Set(['42501', '55000', '25006']);
