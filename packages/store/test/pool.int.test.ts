import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@wayline/testkit';
import { createPool } from '../src/index.ts';

let database: TestDatabase;

beforeAll(async () => {
  database = await createTestDatabase();
});
afterAll(() => database.close());

const poolOf = (options: { max?: number; statementTimeoutMs?: number; onWarn?: () => void } = {}) =>
  createPool({
    url: database.url,
    max: options.max ?? 2,
    applicationName: 'pool-test',
    statementTimeoutMs: options.statementTimeoutMs,
    logger: { warn: () => options.onWarn?.() },
  });

describe('what comes back', () => {
  test('bigint is a number where it is safe, else its text; times are epoch ms', async () => {
    const pool = poolOf();
    const { rows } = await pool.query(
      `SELECT 42::bigint AS small, 9007199254740991::bigint AS largest, '-9223372036854775808'::bigint AS hash,
         '{1,-9223372036854775808}'::bigint[] AS list, timestamptz '2026-11-20 12:00:00.123+02' AS at,
         timestamptz '1969-12-31 23:59:59.5Z' AS before, NULL::bigint AS none`,
    );
    await pool.end();
    expect(rows).toEqual([
      {
        small: 42,
        largest: 9007199254740991,
        hash: '-9223372036854775808',
        list: ['1', '-9223372036854775808'],
        at: Date.parse('2026-11-20T10:00:00.123Z'),
        before: -500,
        none: null,
      },
    ]);
  });

  test('times do not depend on the zone of the session', async () => {
    const pool = poolOf({ max: 1 });
    await pool.query(`SET TimeZone = 'America/St_Johns'`);
    const { rows } = await pool.query(`SELECT timestamptz '2026-06-20T12:00:00.001Z' AS at`);
    await pool.end();
    expect(rows[0].at).toBe(Date.parse('2026-06-20T12:00:00.001Z'));
  });
});

describe('a connection that is lost', () => {
  const kill = async (pid: number): Promise<void> => {
    const other = poolOf();
    await other.query('SELECT pg_terminate_backend($1)', [pid]);
    await other.end();
  };

  test('while idle is told, replaced, and does not end the process', async () => {
    let told: () => void = () => undefined;
    const warned = new Promise<void>((resolve) => {
      told = resolve;
    });
    const pool = poolOf({ max: 1, onWarn: () => told() });
    const { rows } = await pool.query('SELECT pg_backend_pid() AS pid');
    await kill(rows[0].pid);
    await warned;
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });

  test('while lent out fails its next query, and does not end the process', async () => {
    const pool = poolOf({ max: 1 });
    const client = await pool.connect();
    const { rows } = await client.query('SELECT pg_backend_pid() AS pid');
    const gone = new Promise((resolve) => client.once('end', resolve));
    await kill(rows[0].pid);
    await gone;
    await expect(client.query('SELECT 1')).rejects.toThrow();
    client.release();
    expect((await pool.query('SELECT 1 AS one')).rows).toEqual([{ one: 1 }]);
    await pool.end();
  });
});

test('a statement may take as long as the pool allows', async () => {
  const pool = poolOf({ statementTimeoutMs: 50 });
  await expect(pool.query('SELECT pg_sleep(10)')).rejects.toMatchObject({ code: '57014' });
  await pool.end();
});
