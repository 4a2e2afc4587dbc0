import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import {
  BatchWriter,
  createPool,
  ensurePosition,
  type JudgedRecord,
  skipExpired,
  type VerifyRange,
  verifyStored,
} from '../src/index.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { createStoreDatabase } from './store-database.ts';

const LOG = { logId: 'log-a', group: 'g' };
const TOPIC = 'wayline.events';
const HOUR = 3_600_000;
/** The start of an hour of today or yesterday: of the oldest books some may be pruned. */
const NOON = Math.floor(Date.now() / HOUR) * HOUR - 5 * HOUR;

let database: Awaited<ReturnType<typeof createStoreDatabase>>;
let pool: pg.Pool;

beforeAll(async () => {
  database = await createStoreDatabase();
  pool = createPool({ url: database.url, max: 4, applicationName: 'test' });
});
afterAll(async () => {
  await pool?.end();
  await database?.close();
});

const dead = (timeMs: number): Omit<JudgedRecord, 'offset'> => ({
  timeMs,
  projectId: 0,
  original: { key: null, value: Buffer.from('rubbish'), headers: {} },
  verdict: { deadLetter: { code: 'unreadable', detail: 'no JSON' } },
});

/** Two partitions over two hours, with a duplicate and a dead letter; partition 1 lost five records unread. */
beforeEach(async () => {
  await pool.query(`TRUNCATE events, sessions, session_machines, machines, users, user_counts, user_count_deltas, positions, batches, ledger,
    dead_letters, unclocked_ids, names, sources, hours, hour_users, series_minutes, session_hops, dirty_sessions`);
  const writer = new BatchWriter({ pool, ...LOG, timeouts: { statementMs: 20_000, idleMs: 15_000, lockMs: 10_000 } });
  for (const partition of [0, 1]) await ensurePosition(pool, { ...LOG, topic: TOPIC, partition }, 10);
  const again = eventOf({ sessionId: 's-again' });
  const at = (timeMs: number, sessionId: string) =>
    storeVerdict(eventOf({ sessionId, userId: `u-${sessionId}` }), { timeMs });
  await writer.write([
    batchOf({ firstOffset: 10 }, [at(NOON, 's-1'), storeVerdict(again, { timeMs: NOON }), dead(NOON)]),
    batchOf({ partition: 1, firstOffset: 10 }, [at(NOON, 's-2')]),
  ]);
  await writer.write([batchOf({ firstOffset: 13 }, [storeVerdict(again, { timeMs: NOON + 1 }), at(NOON + 2, 's-1')])]);
  await skipExpired(pool, { ...LOG, topic: TOPIC, partition: 1 }, { from: 11, to: 16 });
  await writer.write([
    batchOf({ firstOffset: 15 }, [at(NOON + HOUR, 's-1')]),
    batchOf({ partition: 1, firstOffset: 16 }, [at(NOON + HOUR, 's-2'), at(NOON + HOUR, 's-3')]),
  ]);
});

const FIRST_HOUR = { fromMs: NOON, toMs: NOON + HOUR };
const SECOND_HOUR = { fromMs: NOON + HOUR, toMs: NOON + 2 * HOUR };

/** What differs, as `check: what`. */
async function differences(range: VerifyRange = {}): Promise<string[]> {
  const results = await verifyStored(pool, range);
  for (const { different, differences: told } of results) expect(told).toHaveLength(different);
  return results.flatMap(({ check, differences: told }) => told.map(({ what }) => `${check}: ${what}`)).sort();
}

describe('T11: a recount of what is stored', () => {
  test.each([
    { name: 'all of it', range: {} },
    { name: 'one hour', range: FIRST_HOUR },
    { name: 'the other', range: SECOND_HOUR },
    { name: 'an hour without anything', range: { fromMs: 0, toMs: HOUR } },
  ])('finds nothing wrong in what was stored as it should be: $name', async ({ range }) => {
    expect(await differences(range)).toEqual([]);
  });

  test('says how much it has compared', async () => {
    const compared = (await verifyStored(pool, {})).map(({ check, compared: n }) => [check, n]);
    expect(compared).toEqual([
      ['ledger', 6], // with the hour of project 0, and that in which the expired records were booked
      ['batches', 4],
      ['offsets', 2],
      ['origins', 5],
      ['sessions', 4],
      ['rollups', 1],
      ['users', 1],
    ]);
  });

  test('a database in which nothing is stored agrees with itself', async () => {
    await pool.query(`TRUNCATE events, sessions, users, user_counts, user_count_deltas, positions, batches, ledger,
      dead_letters, hours, hour_users, series_minutes`);
    expect(await differences()).toEqual([]);
  });

  const OF_FIRST = `hour = '${new Date(NOON).toISOString()}' AND project_id = 1 AND partition = 0`;
  const ROLLUPS = ['rollups: events of an hour', 'rollups: events of an hour, in series'];
  test.each([
    {
      name: 'an event is gone',
      sql: `DELETE FROM events WHERE session_id = 's-1' AND batch_index = 1`,
      found: ['ledger: stored events', ROLLUPS, 'sessions: events of a session'].flat(),
      elsewhere: [ROLLUPS, 'sessions: events of a session'].flat(), // their hours are those of the events
    },
    {
      name: 'an event stands twice',
      sql: `INSERT INTO events SELECT (json_populate_record(e, '{"event_id":"a0000000-0000-4000-8000-00000000000f"}')).*
        FROM events e WHERE session_id = 's-again'`,
      found: ['ledger: stored events', ROLLUPS, 'sessions: events of a session'].flat(),
      elsewhere: ROLLUPS,
    },
    {
      name: 'an hour of the ledger does not balance',
      sql: `UPDATE ledger SET read = read + 1 WHERE ${OF_FIRST}`,
      found: ['batches: records read, and offsets', 'ledger: read'],
      elsewhere: [],
    },
    {
      name: 'a duplicate was booked as stored',
      sql: `UPDATE ledger SET duplicate = 0, stored = stored + 1 WHERE ${OF_FIRST}`,
      found: ['batches: duplicates', 'batches: stored', 'ledger: stored events'],
      elsewhere: [],
    },
    {
      name: 'an hour of the ledger is gone',
      sql: `DELETE FROM ledger WHERE ${OF_FIRST}`,
      found: ['batches: duplicates', 'batches: records read, and offsets', 'batches: stored', 'ledger: stored events'],
      elsewhere: [],
    },
    {
      name: 'a dead letter is gone',
      sql: 'DELETE FROM dead_letters',
      found: ['ledger: dead letters'],
      elsewhere: [],
    },
    {
      name: 'a dead letter was booked as a duplicate',
      sql: 'UPDATE ledger SET dead_lettered = 0, duplicate = duplicate + 1 WHERE project_id = 0 AND dead_lettered = 1',
      found: ['batches: dead letters', 'batches: duplicates', 'ledger: dead letters'],
      elsewhere: [],
    },
    {
      name: 'a duplicate was booked as erased',
      sql: `UPDATE ledger SET duplicate = 0, erased = erased + 1 WHERE ${OF_FIRST}`,
      found: ['batches: duplicates', 'batches: erased'],
      elsewhere: [],
    },
    {
      name: 'a batch is gone, with its events still there',
      sql: 'DELETE FROM batches WHERE first_offset = 13',
      found: [
        'batches: duplicates',
        'batches: records read, and offsets',
        'batches: stored',
        'ledger: stored events',
        'offsets: expired, and offsets left out',
      ],
      elsewhere: ['offsets: begins after an offset never stored', 'offsets: expired, and offsets left out'],
    },
    {
      name: 'the position was set back',
      sql: 'UPDATE positions SET next_offset = 12 WHERE partition = 0',
      found: ['offsets: stored position'],
      elsewhere: ['offsets: stored position'],
    },
    {
      name: 'the position is gone',
      sql: 'DELETE FROM positions WHERE partition = 0',
      found: ['offsets: stored position'],
      elsewhere: ['offsets: stored position'],
    },
    {
      name: 'the position was moved on by hand',
      sql: 'UPDATE positions SET next_offset = 99 WHERE partition = 0',
      found: ['offsets: expired, and offsets left out'],
      elsewhere: ['offsets: expired, and offsets left out'],
    },
    {
      name: 'records were read twice',
      sql: 'UPDATE batches SET first_offset = 12 WHERE first_offset = 13',
      found: ['batches: records read, and offsets', 'offsets: begins at an offset stored before'],
      elsewhere: [],
    },
    {
      name: 'one record was never stored',
      sql: 'UPDATE batches SET first_offset = 14 WHERE first_offset = 13',
      found: [
        'batches: records read, and offsets',
        'offsets: begins after an offset never stored',
        'offsets: expired, and offsets left out',
      ],
      elsewhere: ['offsets: expired, and offsets left out'],
    },
    {
      name: 'what expired was not booked',
      sql: 'UPDATE ledger SET expired = 0',
      found: ['offsets: expired, and offsets left out'],
      elsewhere: ['offsets: begins after an offset never stored', 'offsets: expired, and offsets left out'],
    },
    {
      name: 'a session has another time',
      sql: `UPDATE sessions SET last_at = last_at + interval '1 ms' WHERE session_id = 's-again'`,
      found: ['sessions: last time of a session, ms'],
      elsewhere: [],
    },
    {
      name: 'a session is gone',
      sql: `DELETE FROM sessions WHERE session_id = 's-again'`,
      found: ['sessions: events of a session'],
      elsewhere: [],
    },
    {
      name: 'an hour has a user too many',
      sql: 'UPDATE hours SET unique_users = unique_users + 1',
      found: ['rollups: users of an hour'],
      elsewhere: ['rollups: users of an hour'],
    },
    {
      name: 'a user was not counted',
      sql: 'DELETE FROM user_count_deltas WHERE ctid = (SELECT min(ctid) FROM user_count_deltas)',
      found: ['users: users of a project'],
      elsewhere: ['users: users of a project'],
    },
    {
      name: 'one who saw an object was counted as one who did not',
      sql: "UPDATE users SET saw_object = true WHERE user_id = 'u-s-1'",
      found: ['users: users of a project that saw an object'],
      elsewhere: ['users: users of a project that saw an object'],
    },
    {
      name: 'a minute of a series is gone',
      sql: 'DELETE FROM series_minutes',
      found: ['rollups: events of an hour, in series'],
      elsewhere: ['rollups: events of an hour, in series'],
    },
    {
      name: 'a minute of a series is not in the sum of its hour',
      sql: 'UPDATE series_minutes SET slot = -2',
      found: ['rollups: events of an hour, in series by hour'],
      elsewhere: ['rollups: events of an hour, in series by hour'],
    },
    {
      name: 'a batch was written by a version that let it hold two hours: those are left out',
      sql: `UPDATE batches SET last_log_time = last_log_time + interval '1 hour' WHERE first_offset = 13;
        UPDATE ledger SET stored = stored + 7, read = read + 7 WHERE ${OF_FIRST}`,
      found: [],
      elsewhere: [],
    },
  ])('finds that $name, in its hour', async ({ sql, found, elsewhere }) => {
    await pool.query(sql);
    const inHour = async (range: VerifyRange) =>
      (await differences(range)).map((text) => text.replace(/batch \d+/, 'batch N'));
    expect(await inHour(FIRST_HOUR)).toEqual(found);
    expect(await inHour(SECOND_HOUR)).toEqual(elsewhere);
    expect((await inHour({})).length).toBeGreaterThanOrEqual(found.length);
  });

  test('finds events whose batch is not there', async () => {
    await pool.query('DELETE FROM batches WHERE first_offset = 13');
    expect((await differences()).at(-1)).toMatch(/^origins: events of batch \d+, which is not there$/);
  });

  test('tells where, what is booked, and what a recount gives', async () => {
    await pool.query(`DELETE FROM events WHERE session_id = 's-again'`);
    const [ledger] = await verifyStored(pool, {});
    expect(ledger).toEqual({
      check: 'ledger',
      compared: 6,
      different: 1,
      differences: [
        {
          what: 'stored events',
          projectId: 1,
          hourMs: NOON,
          logId: 'log-a',
          topic: TOPIC,
          partition: 0,
          offset: null,
          sessionId: null,
          booked: 3,
          counted: 2,
        },
      ],
    });
  });

  test('A9: what was removed and booked is no difference, and what was removed without is', async () => {
    await pool.query(`DELETE FROM events WHERE session_id = 's-again'`);
    await pool.query(`UPDATE ledger SET removed = 1 WHERE ${OF_FIRST}`);
    expect(await differences()).toEqual([]);
    await pool.query(`DELETE FROM events WHERE session_id = 's-3'`);
    expect(await differences()).toEqual(['ledger: stored events']);
  });

  test('A9: where events were removed, what is kept of them may say more than a recount gives, and never less', async () => {
    await pool.query(`DELETE FROM events WHERE session_id = 's-again'`);
    await pool.query(`UPDATE ledger SET removed = 1 WHERE ${OF_FIRST}`);
    await pool.query(`UPDATE sessions SET event_count = 1 WHERE session_id = 's-1'`);
    await pool.query('UPDATE hours SET events = 1');
    expect(await differences()).toEqual(['rollups: events of an hour', 'sessions: events of a session']);
  });

  /** All of it was stored 30 days earlier. */
  async function ageBooks(): Promise<void> {
    for (const [table, columns] of [
      ['batches', ['first_log_time', 'last_log_time']],
      ['ledger', ['hour']],
      ['dead_letters', ['log_time']],
    ] as const) {
      await pool.query(
        `UPDATE ${table} SET ${columns.map((name) => `${name} = ${name} - interval '30 days'`).join(', ')}`,
      );
    }
  }

  test('A9: of the oldest books the batches may be pruned', async () => {
    await pool.query(`DELETE FROM events WHERE batch_id IN (SELECT id FROM batches WHERE first_log_time < $1)`, [
      new Date(NOON + HOUR).toISOString(),
    ]);
    await pool.query(`UPDATE ledger SET removed = stored WHERE hour = $1`, [new Date(NOON).toISOString()]);
    await pool.query(`DELETE FROM batches WHERE first_log_time < $1`, [new Date(NOON + HOUR).toISOString()]);
    expect(await differences()).toContain('batches: records read, and offsets');
    await ageBooks();
    expect(await differences()).toEqual([]);
  });

  test('A9: what differs in hours of which no batch can have been pruned is found, however old they are', async () => {
    await ageBooks();
    const second = `hour = '${new Date(NOON + HOUR - 30 * 24 * HOUR).toISOString()}' AND partition = 0`;
    await pool.query(`UPDATE ledger SET read = read + 1, duplicate = duplicate + 1 WHERE ${second}`);
    expect(await differences()).toEqual(['batches: duplicates', 'batches: records read, and offsets']);
  });

  test('T4: of what services wrote, some offsets are no records; but no record is without an offset', async () => {
    for (const table of ['batches', 'ledger', 'dead_letters', 'positions']) {
      await pool.query(`UPDATE ${table} SET topic = 'wayline.direct'`);
    }
    await pool.query('UPDATE batches SET next_offset = next_offset + 1 WHERE partition = 1 AND first_offset = 16');
    await pool.query('UPDATE positions SET next_offset = next_offset + 1 WHERE partition = 1');
    expect(await differences()).toEqual([]);
    await pool.query(`UPDATE ledger SET read = read + 1, duplicate = duplicate + 1 WHERE ${OF_FIRST}`);
    await pool.query('UPDATE batches SET duplicate = duplicate + 1 WHERE partition = 0 AND first_offset = 10');
    expect(await differences()).toEqual(['batches: records read, and offsets']);
  });

  test('of much that differs the first hundred are told, and how many there are', async () => {
    await pool.query(`INSERT INTO sessions (project_id, session_id, first_at, last_at, event_count)
      SELECT 1, 'none-' || n, now(), now(), 1 FROM generate_series(1, 250) n`);
    const sessions = (await verifyStored(pool, {})).find(({ check }) => check === 'sessions');
    expect(sessions?.different).toBe(250);
    expect(sessions?.differences).toHaveLength(100);
  });
});
