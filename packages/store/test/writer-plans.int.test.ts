import { afterEach, beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import { BatchWriter, createPool } from '../src/index.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { expectDerivedToEqualARecount, ledgerSums } from './recounts.ts';
import { storeUnderTest, WRITING } from './store-under-test.ts';

const store = storeUnderTest({ partitions: 1 });
const told: string[] = [];
let pool: pg.Pool;
let writer: BatchWriter;
let firstOffset: number;

/** A pool of one connection, so that what it keeps is seen, and a writer on it. */
function openNarrow(): void {
  pool = createPool({ url: store().url, max: 1, applicationName: 'kept plans' });
  writer = new BatchWriter({ pool, ...WRITING, logger: { info: (_, message) => told.push(message) } });
}

beforeEach(() => {
  told.length = 0;
  firstOffset = 0;
  openNarrow();
});
afterEach(() => pool.end());

const write = async () => writer.write([batchOf({ firstOffset: firstOffset++ }, [storeVerdict(eventOf())])]);

async function prepared(): Promise<{ name: string; uses: number }[]> {
  const { rows } = await pool.query(
    'SELECT name, (generic_plans + custom_plans)::int AS uses FROM pg_prepared_statements ORDER BY name',
  );
  return rows;
}

test('what every transaction asks is parsed once for a connection', async () => {
  await write();
  const first = await prepared();
  expect(first.length).toBeGreaterThan(5);
  for (let i = 0; i < 6; i++) await write();
  expect((await prepared()).slice(0, first.length).map(({ name }) => name)).toEqual(first.map(({ name }) => name));
  expect(Math.max(...(await prepared()).map(({ uses }) => uses))).toBe(7);
});

test('only what reads no table that grows: a plan of when it had few rows would go on reading it through', async () => {
  await write();
  const { rows } = await pool.query<{ statement: string }>(
    `SELECT statement FROM pg_prepared_statements WHERE name LIKE 'wayline-%'`,
  );
  const { rows: tables } = await pool.query<{ name: string }>(
    `SELECT relname AS name FROM pg_class WHERE relkind IN ('r', 'p') AND relnamespace = 'public'::regnamespace`,
  );
  const read = tables.filter(({ name }) =>
    rows.some(({ statement }) => new RegExp(`(FROM|JOIN|USING|UPDATE) ${name}\\b`, 'i').test(statement)),
  );
  expect(read.map(({ name }) => name)).toEqual(['positions']);
});

test.each([
  { what: 'is not there any more', change: async () => void (await pool.query('DEALLOCATE ALL')) },
  {
    what: 'was prepared by another, on a connection that is new here',
    change: async () => {
      const names = (await prepared()).map(({ name }) => name);
      await pool.end();
      openNarrow();
      for (const name of names) await pool.query(`PREPARE "${name}" AS SELECT 1`);
    },
  },
])(
  'O13, T6: where one $what, the batch is stored once all the same, and none are kept from then on',
  async ({ change }) => {
    await write();
    await change();
    const stored = [{ stored: 1, duplicate: 0, deadLettered: 0 }];
    expect(await write()).toEqual(stored);
    expect(await write()).toEqual(stored);
    expect(told).toEqual([expect.stringContaining('do not keep prepared statements')]);
    expect(await ledgerSums(store().pool)).toEqual({ read: 3, stored: 3, duplicate: 0, deadLettered: 0 });
    await expectDerivedToEqualARecount(store().pool);
  },
);

test('where a table was changed meanwhile, by a migration beside a worker, the batch is stored', async () => {
  for (let i = 0; i < 7; i++) await write();
  await store().pool.query('ALTER TABLE sessions ADD COLUMN of_a_later_version integer');
  try {
    expect(await write()).toEqual([{ stored: 1, duplicate: 0, deadLettered: 0 }]);
    expect(told).toEqual([]);
  } finally {
    await store().pool.query('ALTER TABLE sessions DROP COLUMN of_a_later_version');
  }
});
