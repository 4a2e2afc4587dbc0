import type { Duplex } from 'node:stream';
import { afterAll, afterEach, beforeAll, describe, expect, test } from '@jest/globals';
import { createTestDatabase, type TestDatabase } from '@wayline/testkit';
import { createKeptPlans, createPool, type Pool, type Reader, readOnly, readWrite } from '../src/index.ts';
import { plannedOnce } from '../src/planned-once.ts';
import { type Relay, startRelay } from './relay.ts';

const OPTIONS = { statementTimeoutMs: 5_000 };

let database: TestDatabase;
let relay: Relay;
let pool: Pool;
beforeAll(async () => {
  database = await createTestDatabase();
  relay = await startRelay(database.url);
  pool = createPool({ url: relay.url, max: 2, applicationName: 'read only' });
  await pool.query('CREATE TABLE things (n integer)');
});
afterEach(() => relay.release());
afterAll(async () => {
  await pool.end();
  relay.close();
  await database.close();
});

describe('the round trips of a read', () => {
  test('BEGIN goes out with the first statement, and what is asked for at once goes out at once', async () => {
    relay.hold();
    const reading = readOnly(pool, OPTIONS, (reader) =>
      Promise.all([reader.query('SELECT 11 AS first'), reader.query('SELECT $1::integer AS second', [12])]),
    );
    await relay.sent('SELECT 11 AS first');
    await relay.sent('SELECT $1::integer AS second');
    relay.release();
    const [first, second] = await reading;
    expect([first.rows, second.rows]).toEqual([[{ first: 11 }], [{ second: 12 }]]);
  });

  test('what goes out at once is one write', async () => {
    const narrow = createPool({ url: database.url, max: 1, applicationName: 'one write' });
    let writes = 0;
    narrow.on('connect', (client) => {
      const { stream } = (client as unknown as { connection: { stream: Duplex } }).connection;
      for (const name of ['_write', '_writev'] as const) {
        const write = stream[name] as (...given: unknown[]) => void;
        stream[name] = (...given: unknown[]): void => {
          writes++;
          write.apply(stream, given);
        };
      }
    });
    const writesOf = async (reader: Reader): Promise<number> => {
      const before = writes;
      await Promise.all([reader.query('SELECT 1'), reader.query('SELECT $1::integer', [2]), reader.query('SELECT 3')]);
      return writes - before;
    };
    const both = await readOnly(narrow, OPTIONS, async (reader) => [await writesOf(reader), await writesOf(reader)]);
    await narrow.end();
    expect(both).toEqual([1, 1]);
  });

  test('nobody waits for COMMIT; and nobody else has the connection before it is over', async () => {
    const value = await readOnly(pool, OPTIONS, async (reader) => {
      const { rows } = await reader.query('SELECT 21 AS value');
      relay.hold();
      return rows[0].value;
    });
    expect(value).toBe(21);
    await relay.sent('COMMIT');
    expect(pool.totalCount - pool.idleCount).toBe(1);
    relay.release();
    while (pool.idleCount < pool.totalCount) await new Promise((resolve) => setImmediate(resolve));
  });
});

describe('plans that connections keep', () => {
  const told: string[] = [];
  const logger = { info: (_: object, message: string) => void told.push(message) };
  const SELECT = plannedOnce('SELECT count(*) + $1::integer AS n FROM things WHERE n < 0', [7]);
  const prepared = async (reader: Reader) =>
    (
      await reader.query(
        `SELECT name, generic_plans AS "generic", custom_plans AS "custom" FROM pg_prepared_statements`,
      )
    ).rows;

  test('one is made once, whatever the values; what is between is planned for its values', async () => {
    const plans = createKeptPlans(logger);
    const narrow = createPool({ url: database.url, max: 1, applicationName: 'kept plans' });
    for (const n of [1, 2]) {
      const modes = await readOnly(narrow, { ...OPTIONS, plans }, async (reader) => {
        const found = await Promise.all([
          reader.query({ ...SELECT, values: [n] }),
          reader.query('SELECT current_setting($1) AS mode', ['plan_cache_mode']),
          reader.query({ ...SELECT, values: [n] }),
        ]);
        return found.map(({ rows }) => rows[0]);
      });
      expect(modes).toEqual([{ n }, { mode: 'auto' }, { n }]);
    }
    expect(await readOnly(narrow, OPTIONS, prepared)).toEqual([
      { name: expect.stringMatching(/^wayline-[0-9a-f]{40}$/), generic: 4, custom: 0 },
    ]);
    await narrow.end();
  });

  test.each([
    { what: 'is not there any more', change: 'DEALLOCATE ALL' },
    { what: 'was prepared by another, on a connection that is new here', change: 'PREPARE "$name" AS SELECT 1' },
    { what: 'answers another type', change: 'ALTER TABLE things ALTER n TYPE text' },
  ])('O13: where one $what, the read is answered all the same, and none are kept from then on', async ({ change }) => {
    const plans = createKeptPlans(logger);
    const narrow = createPool({ url: database.url, max: 1, applicationName: 'kept plans' });
    const ofThings = plannedOnce('SELECT n FROM things WHERE $1::integer = 0', [1]);
    const { name = '' } = plans.named(ofThings);
    if (!change.startsWith('PREPARE'))
      await readOnly(narrow, { ...OPTIONS, plans }, (reader) => reader.query(ofThings));
    await narrow.query(change.replace('$name', name));
    told.length = 0;
    let runs = 0;
    const read = async (reader: Reader) => {
      runs++;
      return (await reader.query(ofThings)).rows;
    };
    expect(await readOnly(narrow, { ...OPTIONS, plans }, read)).toEqual([]);
    expect({ runs, ...plans }).toMatchObject({ runs: 2, arePossible: false });
    expect(await readOnly(narrow, { ...OPTIONS, plans }, read)).toEqual([]);
    expect(runs).toBe(3);
    expect(told).toEqual([expect.stringContaining('do not keep prepared statements')]);
    await narrow.query('ALTER TABLE things ALTER n TYPE integer USING n::integer');
    await narrow.end();
  });
});

describe('a read that fails', () => {
  test('is one transaction all the same: it reads one snapshot, and can write nothing', async () => {
    const seen = await readOnly(pool, OPTIONS, async (reader) => {
      const before = await reader.query('SELECT count(*) AS n FROM things');
      await pool.query('INSERT INTO things VALUES (1)');
      const after = await reader.query('SELECT count(*) AS n FROM things');
      return [before.rows[0].n, after.rows[0].n];
    });
    expect(seen).toEqual([0, 0]);
    const write = readOnly(pool, OPTIONS, (reader) => reader.query('INSERT INTO things VALUES (2)'));
    await expect(write).rejects.toMatchObject({ code: '25006' });
  });

  test('tells the first fault: of several statements, and of its beginning', async () => {
    const both = readOnly(pool, OPTIONS, (reader) =>
      Promise.all([reader.query('SELECT 1 / 0'), reader.query('SELECT 1')]),
    );
    await expect(both).rejects.toMatchObject({ code: '22012' });
    const nobody = readOnly(pool, { ...OPTIONS, role: 'nobody at all' }, (reader) => reader.query('SELECT 1'));
    await expect(nobody).rejects.toMatchObject({ code: '22023' });
    const own = readOnly(pool, OPTIONS, async (reader) => {
      await reader.query('SELECT 1');
      throw new RangeError('of the work itself');
    });
    await expect(own).rejects.toThrow('of the work itself');
    expect((await readOnly(pool, OPTIONS, (reader) => reader.query('SELECT 3 AS n'))).rows).toEqual([{ n: 3 }]);
  });
});

test('T13: a statement that changes something may take no longer than told either, and leaves nothing', async () => {
  const slow = readWrite(pool, { statementTimeoutMs: 100 }, async (writer) => {
    await writer.query('INSERT INTO things VALUES (77)');
    return writer.query('SELECT pg_sleep(20)');
  });
  await expect(slow).rejects.toMatchObject({ code: '57014' });
  expect((await pool.query('SELECT FROM things WHERE n = 77')).rowCount).toBe(0);
});
