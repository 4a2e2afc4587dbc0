import { beforeEach, describe, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import type pg from 'pg';
import { eraseUser, exportUser, isErased, type JudgedRecord, readLong, verifyStored } from '../src/index.ts';
import { eventOf, type RecordOptions, storeVerdict } from './batches.ts';
import { storeUnderTest } from './store-under-test.ts';

const LOGGED = Date.parse('2026-11-20T12:30:00Z');
const USER = 'u-1';

const given = storeUnderTest();
let pool: pg.Pool;
beforeEach(async () => {
  ({ pool } = given());
  await pool.query('UPDATE erasure_state SET version = version + 1');
});

const write = (records: readonly Omit<JudgedRecord, 'offset'>[]) => given().write(records);
const store = (events: readonly Partial<IdentifiedEvent>[], options: RecordOptions = {}) =>
  write(events.map((event) => storeVerdict(eventOf(event), options)));

function deadLetter(value: Buffer | object, timeMs = LOGGED): Omit<JudgedRecord, 'offset'> {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  return {
    timeMs,
    projectId: 1,
    original: { key: null, value: bytes, headers: {} },
    verdict: { deadLetter: { code: 'invalid_event', detail: 'no' } },
  };
}

const erase = (options: object = {}) => eraseUser(pool, { projectId: 1, userId: USER, pauseShare: 0, ...options });
const one = (sql: string) => given().count(sql);

async function expectNothingOf(userId: string): Promise<void> {
  const { rows } = await pool.query<{ table: string }>(
    `SELECT c.relname AS table FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
     WHERE n.nspname = 'public' AND c.relkind = 'r'`,
  );
  for (const { table } of rows) {
    const found = await pool.query(`SELECT FROM "${table}" t WHERE to_jsonb(t)::text LIKE '%"' || $1 || '"%'`, [
      userId,
    ]);
    expect({ table, rows: found.rowCount }).toEqual({ table, rows: 0 });
  }
}

async function expectBalancedLedger(): Promise<void> {
  const { rows } = await pool.query(
    `SELECT * FROM (SELECT sum(read)::int AS read, sum(stored + duplicate + dead_lettered + erased)::int AS fates,
       sum(stored - removed)::int AS events, sum(dead_lettered)::int AS letters, sum(erased)::int AS erased FROM ledger) l,
     (SELECT sum(stored - removed)::int AS events, sum(dead_lettered)::int AS letters, sum(erased)::int AS erased,
       sum(next_offset - first_offset)::int AS read FROM batches) b`,
  );
  const [sums] = rows;
  expect(sums.fates).toBe(sums.read);
  const { rows: byTable } = await pool.query(
    `SELECT sum(read)::int AS read, sum(stored - removed)::int AS events, sum(dead_lettered)::int AS letters,
       sum(erased)::int AS erased FROM ledger
     UNION ALL SELECT sum(next_offset - first_offset)::int, sum(stored - removed)::int, sum(dead_lettered)::int,
       sum(erased)::int FROM batches`,
  );
  expect(byTable[0]).toEqual(byTable[1]);
  expect(byTable[0].events).toBe(await one('SELECT count(*) FROM events'));
  expect(byTable[0].letters).toBe(await one('SELECT count(*) FROM dead_letters'));
}

const SESSIONS = (projectId: number) =>
  `SELECT session_id, first_at, last_at, started_at, ended_at, refreshed_at, event_count, previous_session_id, user_id, user_at,
     user_event, machine_id, machine_at, machine_event, platform, platform_at, platform_event,
     least_skew_ms, greatest_skew_ms, skews_of, ARRAY(SELECT unnest(source_ids) ORDER BY 1) AS sources, ARRAY(SELECT unnest(type_ids) ORDER BY 1) AS types
   FROM sessions WHERE project_id = ${projectId} ORDER BY session_id`;
const MACHINES = (projectId: number) =>
  `SELECT machine_id, session_id, first_at, last_at, event_count FROM session_machines
   WHERE project_id = ${projectId} ORDER BY 1, 2`;

describe('erasing a user', () => {
  test('T9: events, sessions, dead letters and rows of uniques go; the report says how many, the ledger balances', async () => {
    await store([
      { sessionId: 'own', userId: USER, machineId: 'm-1' },
      { sessionId: 'own', anonymousId: USER },
      { sessionId: 'shared', userId: USER },
      { sessionId: 'shared', userId: 'u-2' },
      { sessionId: 'other', userId: 'u-2', anonymousId: 'u-11' },
    ]);
    await write([
      deadLetter({ project: 1, event: { userId: USER } }),
      deadLetter({ user_id: USER }),
      deadLetter(Buffer.from(`{"userId": "${USER}", broken`)),
      deadLetter({ userId: 'u-2', type: USER }),
      deadLetter(Buffer.from('{"userId": "u-11", broken')),
    ]);
    const report = await erase();
    expect(report).toMatchObject({
      events: 3,
      sessionsRemoved: 1,
      sessionsRecomputed: 1,
      deadLetters: 3,
      uniques: 2,
      finished: true,
    });
    await expectNothingOf(USER);
    expect(await one('SELECT count(*) FROM events')).toBe(2);
    expect(await one('SELECT count(*) FROM dead_letters')).toBe(2);
    expect((await pool.query('SELECT session_id, user_id, event_count::int FROM sessions ORDER BY 1')).rows).toEqual([
      { session_id: 'other', user_id: 'u-2', event_count: 1 },
      { session_id: 'shared', user_id: 'u-2', event_count: 1 },
    ]);
    expect(await one('SELECT count(*) FROM session_machines')).toBe(0);
    await expectBalancedLedger();
    expect(await one('SELECT sum(unique_users) FROM hours')).toBe(2);
    expect(await one('SELECT sum(events) FROM hours')).toBe(5);
    expect((await verifyStored(pool, {})).filter(({ different }) => different > 0)).toEqual([]);
    expect(await one('SELECT sum(removed) FROM ledger')).toBe(3);
    expect(await one('SELECT count(*) FROM erasures WHERE finished_at IS NOT NULL')).toBe(1);
  });

  test('T9: what is left of sessions is as if the user had never been', async () => {
    const users = [USER, 'u-2', undefined];
    const types = ['pageVisit', 'sessionStarted', 'sessionEnded', 'click'];
    const events = Array.from({ length: 600 }, (_, i) =>
      eventOf({
        sessionId: `s-${(i * 7) % 40}`,
        userId: users[(i * 5) % 3],
        anonymousId: i % 11 === 0 ? USER : undefined,
        type: types[(i * 13) % 4] as string,
        machineId: i % 4 === 0 ? `m-${i % 3}` : undefined,
        platform: i % 5 === 0 ? 'web' : i % 5 === 1 ? 'mobile' : undefined,
        source: i % 3 === 0 ? undefined : { kind: i % 2 ? 'app' : 'microservice', name: `n-${i % 4}` },
        occurredAt: LOGGED - ((i * 104_729) % 200_000_000),
        context:
          i % 8 === 1
            ? { previousSessionId: `p-${i % 5}`, reason: 'refreshed' }
            : i % 8 === 3
              ? { previousSessionId: 7 }
              : undefined,
      }),
    );
    const records = events.map((event, i) => ({ event, skewMs: (((i * 31) % 23) - 9) * 6_000 }));
    const kept = records.filter(({ event }) => event.userId !== USER && event.anonymousId !== USER);
    await write(records.map(({ event, skewMs }) => storeVerdict(event, { skewMs })));
    await write(kept.map(({ event, skewMs }) => storeVerdict(event, { skewMs, projectId: 2 })));
    await erase({ chunkRows: 37 });
    expect((await pool.query(SESSIONS(1))).rows).toEqual((await pool.query(SESSIONS(2))).rows);
    expect((await pool.query(MACHINES(1))).rows).toEqual((await pool.query(MACHINES(2))).rows);
    await expectBalancedLedger();
  });

  test('T9: what the log still holds of the time is dropped when it is read, dead letters included, and counted', async () => {
    const event = eventOf({ userId: USER });
    await write([
      storeVerdict(event),
      storeVerdict(eventOf({ userId: 'u-2' })),
      deadLetter({ event: { userId: USER } }),
    ]);
    await erase();
    const counts = await write([
      storeVerdict(event),
      storeVerdict(eventOf({ anonymousId: USER })),
      deadLetter({ event: { userId: USER } }),
      storeVerdict(eventOf({ userId: 'u-3' })),
    ]);
    expect(counts).toEqual({ stored: 1, duplicate: 0, deadLettered: 0, erased: 3 });
    await expectNothingOf(USER);
    await expectBalancedLedger();
    expect(await one('SELECT sum(erased) FROM ledger')).toBe(4);
  });

  test('T9: a replay, which the log takes later, is dropped by the time at which it was first received', async () => {
    await erase();
    const later = Date.now() + 60_000;
    expect(await store([{ userId: USER }], { timeMs: later, receivedMs: LOGGED })).toMatchObject({ erased: 1 });
  });

  test('T9: what the user does afterwards is stored; it is another project, and others, that nothing is taken from', async () => {
    await store([{ userId: USER }], { projectId: 2 });
    await erase();
    const later = Date.now() + 60_000;
    expect(await store([{ userId: USER }], { timeMs: later })).toMatchObject({ stored: 1 });
    expect(await store([{ userId: USER }], { projectId: 2 })).toMatchObject({ stored: 1 });
    expect(await one('SELECT count(*) FROM events WHERE project_id = 2')).toBe(2);
  });

  test('T9: --before leaves what was received since, and the user known', async () => {
    await store([{ sessionId: 'a', userId: USER }], { timeMs: LOGGED - 60_000 });
    await store(
      [
        { sessionId: 'a', userId: USER },
        { sessionId: 'b', userId: USER },
      ],
      { timeMs: LOGGED },
    );
    expect(await erase({ beforeMs: LOGGED })).toMatchObject({ events: 1, sessionsRecomputed: 1, uniques: 0 });
    expect(await one('SELECT count(*) FROM events')).toBe(2);
    expect(await one('SELECT count(*) FROM users')).toBe(1);
    // A wider erasure that was made once never shrinks.
    await erase();
    expect((await erase({ beforeMs: LOGGED })).beforeMs).toBeGreaterThan(LOGGED);
    expect(await one('SELECT count(*) FROM events')).toBe(0);
  });

  test('T9: of a user who has newer events, just those hours are forgotten in which no event is left', async () => {
    const at = (time: string) => ({ userId: USER, occurredAt: `2026-11-20T${time}:00.000Z` });
    await store([at('09:10'), at('12:10'), { ...at('12:20'), type: 'objectInView' }], { timeMs: LOGGED - 60_000 });
    // Later received, and yet of an earlier hour: it had waited on a device.
    await store([at('09:20'), { ...at('11:20'), anonymousId: USER, userId: 'u-2' }], { timeMs: LOGGED });
    expect(await erase({ beforeMs: LOGGED })).toMatchObject({ events: 3, uniques: 1 });
    const { rows } = await pool.query('SELECT hour, user_id FROM hour_users ORDER BY hour');
    expect(rows).toEqual([
      { hour: Date.parse('2026-11-20T09:00:00Z'), user_id: USER },
      { hour: Date.parse('2026-11-20T11:00:00Z'), user_id: 'u-2' },
    ]);
    expect((await verifyStored(pool, {})).filter(({ different }) => different > 0)).toEqual([]);
  });

  test('T9: an event that comes while its user is being erased keeps the user known, and counted once', async () => {
    const later = { timeMs: Date.now() + 60_000 };
    await store([{ sessionId: 'old', userId: USER, type: 'objectInView' }]);
    const blocker = await pool.connect();
    await blocker.query('BEGIN; LOCK TABLE dead_letters IN ACCESS EXCLUSIVE MODE');
    const erasing = erase();
    // All events were looked through by then, and the rows of uniques are still there.
    await waiting('relation');
    expect(await store([{ sessionId: 'new', userId: USER }], later)).toMatchObject({ stored: 1 });
    await blocker.query('COMMIT');
    blocker.release();
    expect(await erasing).toMatchObject({ events: 1, finished: true });
    expect(await one('SELECT count(*) FROM users WHERE NOT saw_object')).toBe(1);
    expect(await one('SELECT count(*) FROM hour_users')).toBe(1);
    expect((await verifyStored(pool, {})).filter(({ different }) => different > 0)).toEqual([]);
    await store([{ sessionId: 'new', userId: USER }], later);
    expect(await one('SELECT sum(unique_users) FROM hours')).toBe(1);
  });

  test('T9: a transaction that was under way when the erasure came leaves nothing behind', async () => {
    await store([{ sessionId: 's', userId: 'u-2' }]);
    const blocker = await pool.connect();
    await blocker.query(`BEGIN; SELECT FROM sessions WHERE session_id = 's' FOR UPDATE`);
    // It has its rows in `events`, uncommitted, and waits for the session.
    const writing = store([{ sessionId: 's', userId: USER }]);
    await waiting('transactionid');
    const erasing = erase();
    await waiting('advisory');
    await blocker.query('COMMIT');
    blocker.release();
    expect(await writing).toMatchObject({ stored: 1 });
    expect(await erasing).toMatchObject({ events: 1, sessionsRecomputed: 1 });
    await expectNothingOf(USER);
    await expectBalancedLedger();
  });

  test('T9: a transaction that begins while the tombstone is being raised heeds it', async () => {
    await store([{ sessionId: 's', userId: 'u-2' }]);
    const { rows } = await pool.query('SELECT before, user_hash FROM erasures');
    expect(rows).toEqual([]);
    const blocker = await pool.connect();
    await blocker.query('BEGIN; SELECT pg_advisory_xact_lock_shared(7141002)');
    const erasing = erase();
    await waiting('advisory');
    const writing = store([{ sessionId: 's', userId: USER }]);
    await waiting('advisory', 2);
    await blocker.query('COMMIT');
    blocker.release();
    expect(await writing).toMatchObject({ stored: 0, erased: 1 });
    expect(await erasing).toMatchObject({ events: 0 });
    await expectNothingOf(USER);
  });

  test('T9: an erasure beside a writer of the same sessions: nothing is left, nothing of others is lost', async () => {
    let stop = false;
    let others = 0;
    const writing = (async () => {
      for (let i = 0; !stop || i < 10; i++) {
        await store([
          { sessionId: `s-${i % 3}`, userId: USER, machineId: 'm' },
          { sessionId: `s-${i % 3}`, userId: 'u-2', machineId: 'm' },
        ]);
        others++;
      }
    })();
    for (let i = 0; i < 5; i++) await erase({ chunkRows: 3 });
    stop = true;
    await writing;
    await erase();
    await expectNothingOf(USER);
    expect(await one('SELECT count(*) FROM events')).toBe(others);
    expect(await one('SELECT sum(event_count) FROM sessions')).toBe(others);
    expect(await one('SELECT sum(event_count) FROM session_machines')).toBe(others);
    await expectBalancedLedger();
  });

  test('T9: ended midway, the same call goes on from there; until it is done it does not count as finished', async () => {
    await store(Array.from({ length: 30 }, (_, i) => ({ sessionId: `s-${i}`, userId: USER })));
    const abort = new AbortController();
    const watch = (async () => {
      while ((await one('SELECT count(*) FROM events')) === 30);
      abort.abort();
    })();
    const report = await erase({ signal: abort.signal, chunkRows: 1, pauseShare: 5 });
    await watch;
    expect(report.finished).toBe(false);
    expect(report.events).toBeLessThan(30);
    expect(await one('SELECT count(*) FROM erasures WHERE finished_at IS NULL')).toBe(1);
    const rest = await erase();
    expect(rest).toMatchObject({ finished: true, events: 30 - report.events });
    await expectNothingOf(USER);
  });

  test('T9: whether an event may be replayed can be asked', async () => {
    await erase();
    const ask = (userIds: string[], receivedMs: number, projectId = 1) =>
      isErased(pool, { projectId, userIds, receivedMs });
    expect(await ask(['u-2', USER], LOGGED)).toBe(true);
    expect(await ask([USER], Date.now() + 60_000)).toBe(false);
    expect(await ask(['u-2'], LOGGED)).toBe(false);
    expect(await ask([USER], LOGGED, 2)).toBe(false);
  });

  test('T9: the id is not kept: only a keyed hash of it, which differs by project', async () => {
    await erase();
    await eraseUser(pool, { projectId: 2, userId: USER });
    const { rows } = await pool.query('SELECT user_hash FROM erasures');
    expect(rows[0].user_hash).toHaveLength(32);
    expect(rows[0].user_hash).not.toEqual(rows[1].user_hash);
  });
});

test('T9: an export holds all events, sessions and dead letters of a user, and of nobody else', async () => {
  const own = Array.from({ length: 1200 }, (_, i) => eventOf({ sessionId: `s-${i % 9}`, userId: USER }));
  await store(own);
  await store([{ sessionId: 's-1', userId: 'u-2' }, { sessionId: 'x', anonymousId: USER }, { sessionId: 'y' }]);
  await store([{ sessionId: 'z', userId: USER }], { projectId: 2 });
  await write([deadLetter({ event: { userId: USER } }), deadLetter({ event: { userId: 'u-2' } })]);
  const found = await readLong(pool, {}, async (reader) => {
    const items = [];
    for await (const item of exportUser(reader, { projectId: 1, userId: USER })) items.push(item);
    return items;
  });
  const events = found.flatMap((item) => ('event' in item ? [item.event] : []));
  expect(events).toHaveLength(1201);
  expect(new Set(events.map(({ eventId }) => eventId)).size).toBe(1201);
  expect(new Set(events.map(({ userId, anonymousId }) => userId ?? anonymousId))).toEqual(new Set([USER]));
  const sessions = found.flatMap((item) => ('session' in item ? [item.session.sessionId] : []));
  expect(sessions).toEqual([...Array.from({ length: 9 }, (_, i) => `s-${i}`), 'x']);
  expect(found.filter((item) => 'deadLetter' in item)).toHaveLength(1);
  expect(JSON.stringify(found)).not.toContain('"u-2"');
});

/** Resolves when so many wait for a lock of that kind. */
async function waiting(kind: string, count = 1): Promise<void> {
  for (const deadline = Date.now() + 10_000; Date.now() < deadline; ) {
    const { rows } = await pool.query(
      `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
       WHERE NOT granted AND locktype = $1 AND datname = current_database()`,
      [kind],
    );
    if (rows.length >= count) return;
  }
  throw new Error(`nobody waits for a lock: ${kind}`);
}
