import type { Pool, PoolClient } from 'pg';
import { inTransaction } from '../in-transaction.ts';
import type { EventPartition } from '../write/event-partitions.ts';
import { readEventTables } from './event-tables.ts';
import { createPace, type Pacing } from './pacing.ts';

/** Of one summary in the index `events_by_batch`. */
const RANGE_PAGES = 16;
/** Of one transaction: some 20,000 events, a few hundredths of a second. */
const PAGES_AT_ONCE = 64 * RANGE_PAGES;
/** While it is at it nothing else has that processor: so it is at it for a fifth of the time. */
const PAUSE_SHARE = 4;

/**
 * Sums up the pages of `events` that are new since the last time, so that the events of a batch are found without reading
 * them all. Without waiting for anybody's locks.
 * @param times between which `occurred_at` the new rows lie, epoch ms
 * @returns whether it may: false on a replica, or for a role that does not own the table
 */
export async function sumUpBatches(pool: Pool, times: { fromMs: number; toMs: number }): Promise<boolean> {
  try {
    await unlessInTheWay(pool, async (client) => {
      const tables = (await readEventTables(client)).filter((table) => isWithin(table, times));
      await client.query(`SELECT brin_summarize_new_values(x.indexrelid) ${OF_TABLES}`, [
        tables.map(({ table }) => table),
      ]);
    });
    return true;
  } catch (error) {
    if (NOT_ALLOWED.has((error as { code?: string }).code ?? '')) return false;
    throw error;
  }
}

const isWithin = ({ fromMs, toMs }: EventPartition, times: { fromMs: number; toMs: number }): boolean =>
  fromMs <= times.toMs && toMs > times.fromMs;

/**
 * The same for all partitions that have grown since the last time, a piece after another.
 * @param summedUp how many pages of each are; brought up to date
 */
export async function sumUpGrown(pool: Pool, summedUp: Map<string, number>, pacing: Pacing = {}): Promise<void> {
  const pace = createPace({ pauseShare: PAUSE_SHARE, ...pacing });
  const sizes = await readSizes(pool);
  for (const table of summedUp.keys()) if (!sizes.has(table)) summedUp.delete(table);
  for (const [table, pages] of sizes) {
    // The last range was not full, and has got more rows; those of a range that is summed up already cost next to nothing.
    const done = summedUp.get(table) ?? 0;
    let page = done === pages ? pages : done - (done % RANGE_PAGES);
    for (let isFree = true; isFree && page < pages && pace.goesOn(); ) {
      const to = Math.min(page + PAGES_AT_ONCE, pages);
      isFree = await pace.step(() => unlessInTheWay(pool, (client) => sumUpPages(client, table, { from: page, to })));
      if (isFree) page = to;
    }
    summedUp.set(table, page);
  }
}

/** Pages of each partition, the newest first: those are what the tail looks into, and after a start all are gone through. */
async function readSizes(pool: Pool): Promise<Map<string, number>> {
  const tables = (await readEventTables(pool)).map(({ table }) => table);
  const { rows } = await pool.query<{ table: string; pages: number }>(
    `SELECT name AS table, (pg_relation_size(to_regclass(name)) / current_setting('block_size')::integer)::float8 AS pages
     FROM unnest($1::text[]) WITH ORDINALITY AS given (name, n) WHERE to_regclass(name) IS NOT NULL ORDER BY n DESC`,
    [tables],
  );
  return new Map(rows.map(({ table, pages }) => [table, pages]));
}

async function sumUpPages(
  client: PoolClient,
  table: string,
  { from, to }: { from: number; to: number },
): Promise<void> {
  await client.query(
    `SELECT brin_summarize_range(x.indexrelid, page)
     FROM generate_series($2::bigint, $3::bigint - 1, ${RANGE_PAGES}) AS page, LATERAL (SELECT x.indexrelid ${OF_TABLES}) x`,
    [[table], from, to],
  );
}

const OF_TABLES = `FROM pg_index x JOIN pg_inherits i ON i.inhrelid = x.indexrelid
  WHERE i.inhparent = 'events_by_batch'::regclass AND x.indrelid = ANY ($1::text[]::regclass[])`;

/** False where somebody holds one of the tables (a vacuum sums up, too), it was dropped, or it takes too long: there is another time. */
async function unlessInTheWay(pool: Pool, work: (client: PoolClient) => Promise<void>): Promise<boolean> {
  try {
    await inTransaction(pool, async (client) => {
      await client.query(`SET LOCAL lock_timeout = '50ms'; SET LOCAL statement_timeout = '10s'`);
      await work(client);
    });
    return true;
  } catch (error) {
    if (IN_THE_WAY.has((error as { code?: string }).code ?? '')) return false;
    throw error;
  }
}

/** lock_not_available, query_canceled, undefined_table. */
const IN_THE_WAY = new Set(['55P03', '57014', '42P01']);
/** insufficient_privilege, object_not_in_prerequisite_state (in recovery), read_only_sql_transaction. */
const NOT_ALLOWED = new Set(['42501', '55000', '25006']);
