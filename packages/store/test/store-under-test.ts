import { afterAll, beforeAll, beforeEach } from '@jest/globals';
import type { TestDatabase } from '@wayline/testkit';
import type pg from 'pg';
import { BatchWriter, createPool, ensurePosition, type JudgedRecord, type StoredCounts } from '../src/index.ts';
import { batchOf } from './batches.ts';
import { createStoreDatabase } from './store-database.ts';

export const LOG = { logId: 'log-a', group: 'g' };
/** What a writer of `LOG` is given beside its pool. */
export const WRITING = { ...LOG, timeouts: { statementMs: 20_000, idleMs: 15_000, lockMs: 10_000 } };
export const TOPIC = 'wayline.events';

export interface StoreUnderTest {
  /** As superuser. */
  url: string;
  pool: pg.Pool;
  /** A new one for each test, at offset 0 of every partition. */
  writer: BatchWriter;
  /** Writes records to partition 0, where those before ended. */
  write(records: readonly Omit<JudgedRecord, 'offset'>[]): Promise<StoredCounts | undefined>;
  /** The number that a query answers with. */
  count(sql: string): Promise<number>;
}

/**
 * A migrated database for the tests of a file, as empty before each of them as it was after its migration, and gone after
 * the last. To be called where hooks may be registered; what it answers with is to be asked in hooks and tests.
 */
export function storeUnderTest({ partitions = 1 } = {}): () => StoreUnderTest {
  let database: TestDatabase | undefined;
  let pool: pg.Pool | undefined;
  let emptied = '';
  let store: StoreUnderTest | undefined;

  beforeAll(async () => {
    database = await createStoreDatabase();
    pool = createPool({ url: database.url, max: 8, applicationName: 'test' });
    emptied = (await emptyTables(pool)).join(', ');
  });
  afterAll(async () => {
    await pool?.end();
    await database?.close();
  });
  beforeEach(async () => {
    if (!database || !pool) throw new Error('There is no database');
    await pool.query(`TRUNCATE ${emptied} RESTART IDENTITY`);
    for (let partition = 0; partition < partitions; partition++) {
      await ensurePosition(pool, { ...LOG, topic: TOPIC, partition }, 0);
    }
    store = openStore(database.url, pool);
  });
  return () => {
    if (!store) throw new Error('The store is there from the first test on');
    return store;
  };
}

function openStore(url: string, pool: pg.Pool): StoreUnderTest {
  const writer = new BatchWriter({ pool, ...WRITING });
  let firstOffset = 0;
  return {
    url,
    pool,
    writer,
    async write(records) {
      const [counts] = await writer.write([batchOf({ firstOffset }, records)]);
      firstOffset += records.length;
      return counts;
    },
    count: async (sql) => Number((await pool.query(`SELECT (${sql}) AS n`)).rows[0].n),
  };
}

/** Those without a row; a partition goes with its table. What a migration filled is to stay. */
async function emptyTables(pool: pg.Pool): Promise<string[]> {
  const { rows } = await pool.query<{ table: string }>(
    `SELECT c.oid::regclass::text AS table FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind IN ('r', 'p') AND NOT c.relispartition`,
  );
  const empty: string[] = [];
  for (const { table } of rows) {
    const { rowCount } = await pool.query(`SELECT FROM ${table} LIMIT 1`);
    if (rowCount === 0) empty.push(table);
  }
  return empty;
}
