import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@wayline/testkit';
import type pg from 'pg';
import { createPool, findReaderRole, migrate, READER_ROLE, readLong, readOnly, SECRET_TABLES } from '../src/index.ts';

let database: TestDatabase;
let pool: pg.Pool;
const warnings: string[] = [];
const logger = { warn: (_: object, message: string) => void warnings.push(message) };

beforeEach(async () => {
  warnings.length = 0;
  database = await createTestDatabase();
  pool = createPool({ url: database.url, max: 2, applicationName: 'test' });
});
afterEach(async () => {
  await pool.end();
  await database.close();
});

/** Tables that queries may read: one that is new belongs here, or into `SECRET_TABLES` and a REVOKE in its migration. */
const READABLE = [
  'batches',
  'dead_letters',
  'dirty_sessions',
  'events',
  'hop_days',
  'hour_users',
  'hours',
  'ledger',
  'log_progress',
  'machines',
  'names',
  'positions',
  'projects',
  'series_hours',
  'series_minutes',
  'session_hops',
  'session_machines',
  'sessions',
  'settings',
  'settings_published',
  'settings_version',
  'sources',
  'unclocked_ids',
  'user_count_deltas',
  'user_count_history',
  'user_counts',
  'users',
  'worker_throttles',
];

const asReader = { statementTimeoutMs: 5_000, role: READER_ROLE };
const INSERT = `INSERT INTO users (project_id, user_id) VALUES (1, 'u')`;

describe('a role that can only read', () => {
  test('is there after the migration, and reads what queries read, but no secrets', async () => {
    await migrate({ url: database.url });
    expect(await findReaderRole(pool, logger)).toBe(READER_ROLE);
    expect(warnings).toEqual([]);
    const { rows } = await pool.query<{ table: string; reads: boolean; writes: boolean }>(
      `SELECT relname AS "table", has_table_privilege('${READER_ROLE}', oid, 'SELECT') AS reads,
         has_table_privilege('${READER_ROLE}', oid, 'INSERT, UPDATE, DELETE, TRUNCATE') AS writes
       FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') AND NOT relispartition
       ORDER BY 1`,
    );
    const names = (some: typeof rows) => some.map(({ table }) => table).sort();
    expect(names(rows.filter(({ reads }) => reads))).toEqual(READABLE);
    expect(names(rows.filter(({ reads }) => !reads))).toEqual([...SECRET_TABLES].sort());
    expect(rows.filter(({ writes }) => writes)).toEqual([]);
  });

  test('keeps a read from writing twice over: the transaction is read-only, and where that is undone the role may not', async () => {
    await migrate({ url: database.url });
    await expect(readOnly(pool, asReader, (reader) => reader.query(INSERT))).rejects.toMatchObject({ code: '25006' });
    const undone = readOnly(pool, asReader, async (reader) => {
      await reader.query('SET TRANSACTION READ WRITE');
      return reader.query(INSERT);
    });
    await expect(undone).rejects.toMatchObject({ code: '42501' });
    const secret = readOnly(pool, asReader, (reader) => reader.query('SELECT secret FROM erasure_state'));
    await expect(secret).rejects.toMatchObject({ code: '42501' });
    const { rows } = await pool.query('SELECT current_user = session_user AS "isBack", count(*) AS n FROM users');
    expect(rows).toEqual([{ isBack: true, n: 0 }]);
  });

  test('keeps a read of any length from it, and from secrets', async () => {
    await migrate({ url: database.url });
    await expect(readLong(pool, asReader, (reader) => reader.query(INSERT))).rejects.toMatchObject({ code: '25006' });
    const secret = readLong(pool, asReader, async (reader) => {
      for await (const _ of reader.copy('SELECT secret FROM erasure_state'));
    });
    await expect(secret).rejects.toMatchObject({ code: '42501' });
    const { rows } = await pool.query('SELECT current_user = session_user AS "isBack", count(*) AS n FROM users');
    expect(rows).toEqual([{ isBack: true, n: 0 }]);
  });

  test('reads tables, and partitions of events, that are made later', async () => {
    await migrate({ url: database.url });
    await pool.query(`CREATE TABLE later (n integer);
      CREATE TABLE events_d20260101 PARTITION OF events FOR VALUES FROM ('2026-01-01Z') TO ('2026-01-02Z')`);
    const found = await readOnly(pool, asReader, async (reader) => {
      await reader.query('SELECT FROM later');
      return reader.query('SELECT FROM events');
    });
    expect(found.rows).toEqual([]);
    expect(await findReaderRole(pool, logger)).toBe(READER_ROLE);
  });

  test('goes with its grants when the migration is taken back, and comes again', async () => {
    await migrate({ url: database.url });
    await takeBackTo('0010');
    expect(await findReaderRole(pool, logger)).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining('may not read')]);
    await migrate({ url: database.url });
    expect(await findReaderRole(pool, logger)).toBe(READER_ROLE);
  });

  test('is made by many databases of one server that migrate at the same time', async () => {
    const others = await Promise.all(Array.from({ length: 4 }, () => createTestDatabase()));
    try {
      await Promise.all([database, ...others].map(({ url }) => migrate({ url })));
      expect(await findReaderRole(pool, logger)).toBe(READER_ROLE);
    } finally {
      await Promise.all(others.map((other) => other.close()));
    }
  });
});

/** Takes migrations back until the one with this number is gone. */
async function takeBackTo(number: string): Promise<void> {
  for (;;) {
    const { applied } = await migrate({ url: database.url, direction: 'down' });
    if (applied.some((name) => name.startsWith(number))) return;
  }
}

describe('where the migration may make no roles', () => {
  const OWNER = `owner_${Date.now()}`;
  let owned: pg.Pool;

  const ownedUrl = (): string => {
    const url = new URL(database.url);
    url.username = OWNER;
    url.password = 'owner-secret';
    return url.href;
  };

  beforeEach(async () => {
    const name = new URL(database.url).pathname.slice(1);
    await pool.query(`CREATE ROLE ${OWNER} LOGIN PASSWORD 'owner-secret'; ALTER DATABASE "${name}" OWNER TO ${OWNER}`);
    owned = createPool({ url: ownedUrl(), max: 2, applicationName: 'test' });
  });
  afterEach(async () => {
    await owned.end();
    const name = new URL(database.url).pathname.slice(1);
    await pool.query(`ALTER DATABASE "${name}" OWNER TO CURRENT_USER`);
    await pool.query(`DROP OWNED BY ${OWNER}; DROP ROLE ${OWNER}`);
  });

  test('it goes on without, and what the administrator does by hand afterwards is enough', async () => {
    await migrate({ url: ownedUrl() });
    expect(await findReaderRole(owned, logger)).toBeUndefined();
    expect(warnings).toEqual([expect.stringContaining('may not become it')]);
    expect(
      (await readOnly(owned, { statementTimeoutMs: 5_000 }, (reader) => reader.query('SELECT FROM events'))).rows,
    ).toEqual([]);

    await pool.query(`GRANT ${READER_ROLE} TO ${OWNER}`);
    await owned.query('SELECT grant_reading()');
    expect(await findReaderRole(owned, logger)).toBe(READER_ROLE);
    const undone = readOnly(owned, asReader, async (reader) => {
      await reader.query('SET TRANSACTION READ WRITE');
      return reader.query(INSERT);
    });
    await expect(undone).rejects.toMatchObject({ code: '42501' });
  });
});
