import type { Pool, PoolClient } from 'pg';
import type { EventPartition } from '../write/event-partitions.ts';
import { readEventTables } from './event-tables.ts';

/**
 * Sums up the pages of `events` that are new since the last time, so that the events of a batch are found without reading
 * them all. Without waiting for anybody's locks.
 * @param times between which `occurred_at` the new rows lie, epoch ms
 * @returns whether it may: false on a replica, or for a role that does not own the table
 */
export async function sumUpBatches(pool: Pool, times: { fromMs: number; toMs: number }): Promise<boolean> {
  const outcome = await sumUp(pool, async (tables) =>
    tables.filter(({ fromMs, toMs }) => fromMs <= times.toMs && toMs > times.fromMs).map(({ table }) => table),
  );
  return outcome !== 'not allowed';
}

/**
 * The same for all partitions that have grown since the last time.
 * @param sizes of each, bytes, as they were found the last time; brought up to date
 */
export async function sumUpGrown(pool: Pool, sizes: Map<string, string>): Promise<void> {
  let found: { table: string; bytes: string }[] = [];
  const outcome = await sumUp(pool, async (tables, client) => {
    const { rows } = await client.query<{ table: string; bytes: string }>(
      'SELECT name AS table, pg_relation_size(name::regclass)::text AS bytes FROM unnest($1::text[]) AS given (name)',
      [tables.map(({ table }) => table)],
    );
    found = rows;
    return rows.filter(({ table, bytes }) => sizes.get(table) !== bytes).map(({ table }) => table);
  });
  if (outcome !== 'done') return;
  sizes.clear();
  for (const { table, bytes } of found) sizes.set(table, bytes);
}

/** `later`: somebody holds one of the tables (a vacuum sums up, too), or it was dropped. */
async function sumUp(
  pool: Pool,
  choose: (tables: readonly EventPartition[], client: PoolClient) => Promise<string[]>,
): Promise<'done' | 'later' | 'not allowed'> {
  const client = await pool.connect();
  try {
    await client.query(`BEGIN; SET LOCAL lock_timeout = '50ms'; SET LOCAL statement_timeout = '10s'`);
    await client.query(
      `SELECT brin_summarize_new_values(x.indexrelid) FROM pg_index x JOIN pg_inherits i ON i.inhrelid = x.indexrelid
       WHERE i.inhparent = 'events_by_batch'::regclass AND x.indrelid = ANY ($1::text[]::regclass[])`,
      [await choose(await readEventTables(client), client)],
    );
    await client.query('COMMIT');
    client.release();
    return 'done';
  } catch (error) {
    await client.query('ROLLBACK').then(
      () => client.release(),
      () => client.release(true),
    );
    return NOT_ALLOWED.has((error as { code?: string }).code ?? '') ? 'not allowed' : 'later';
  }
}

/** insufficient_privilege, object_not_in_prerequisite_state (in recovery), read_only_sql_transaction. */
const NOT_ALLOWED = new Set(['42501', '55000', '25006']);
