import { beforeEach, describe, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import { EventTable, eraseUser, isErased, type JudgedRecord, type StoredCounts } from '../src/index.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { storeUnderTest } from './store-under-test.ts';

const LOGGED = Date.parse('2026-11-20T12:30:00Z');
const HOUR = 3_600_000;
const USER = 'u-1';

const given = storeUnderTest({ partitions: 2 });
let bytesRead = 0;
beforeEach(async () => {
  bytesRead = 0;
  await given().pool.query('UPDATE erasure_state SET version = version + 1');
});

/** A record of the log, with an event of `USER` if nothing else is said. */
interface Logged {
  event?: Partial<IdentifiedEvent>;
  projectId?: number;
  /** When the log took it, epoch ms. */
  timeMs?: number;
  receivedMs?: number;
}

/** As it is where a record has to be read in full. */
async function storeInFull(logged: readonly Logged[]): Promise<StoredCounts | undefined> {
  return given().write(
    logged.map(({ event, ...options }) =>
      storeVerdict(eventOf({ userId: USER, ...event }), { timeMs: LOGGED, ...options }),
    ),
  );
}

/** As it mostly is. */
async function storeFromBytes(logged: readonly Logged[]): Promise<StoredCounts | undefined> {
  const table = new EventTable();
  const records = logged.map(({ event, projectId = 1, timeMs = LOGGED, receivedMs = timeMs }) => {
    const read = { project: projectId, receivedAt: receivedMs, event: eventOf({ userId: USER, ...event }) };
    const value = Buffer.from(JSON.stringify(read));
    const row = table.addLogged(value, 0, value.length);
    expect(row).toBeGreaterThanOrEqual(0);
    return { timeMs, projectId, original: { key: null, value, headers: {} }, verdict: { row } };
  });
  const [counts] = await given().writer.write([batchOf({ partition: 1, firstOffset: bytesRead }, records)], table);
  bytesRead += records.length;
  return counts;
}

function deadLetter(userId: string, { projectId = 1, timeMs = LOGGED }: Logged = {}): Omit<JudgedRecord, 'offset'> {
  return {
    timeMs,
    projectId,
    original: { key: null, value: Buffer.from(JSON.stringify({ event: { userId } })), headers: {} },
    verdict: { deadLetter: { code: 'invalid_event', detail: 'no' } },
  };
}

const erase = (options: object = {}) =>
  eraseUser(given().pool, { projectId: 1, userId: USER, pauseShare: 0, ...options });
const count = (sql: string) => given().count(`SELECT count(*) FROM ${sql}`);

describe.each([
  { how: 'read in full', store: storeInFull },
  { how: 'read from its bytes', store: storeFromBytes },
])('T9: what the log still holds of a user, $how', ({ store }) => {
  test('is dropped where it was received before the time of the erasure, and not at that time', async () => {
    await erase({ beforeMs: LOGGED });
    expect(await store([{ receivedMs: LOGGED - 1 }])).toMatchObject({ stored: 0, erased: 1 });
    expect(await store([{ timeMs: LOGGED, receivedMs: LOGGED }])).toMatchObject({ stored: 1 });
    const ask = (receivedMs: number) => isErased(given().pool, { projectId: 1, userIds: [USER], receivedMs });
    expect([await ask(LOGGED - 1), await ask(LOGGED)]).toEqual([true, false]);
  });

  test('is dropped by when it was first received, however much later the log took it again', async () => {
    await erase({ beforeMs: LOGGED });
    expect(await store([{ timeMs: LOGGED + HOUR, receivedMs: LOGGED - 1 }])).toMatchObject({ stored: 0, erased: 1 });
  });

  test('I5: is dropped of one project, and stored of another that has a user of the same id', async () => {
    await eraseUser(given().pool, { projectId: 2, userId: 'another', pauseShare: 0 });
    await erase();
    for (const projects of [
      [1, 2],
      [2, 1],
    ]) {
      const counts = await store(projects.map((projectId) => ({ projectId })));
      expect(counts).toMatchObject({ stored: 1, erased: 1 });
    }
    expect([await count('events WHERE project_id = 1'), await count('events WHERE project_id = 2')]).toEqual([0, 2]);
  });

  test('is dropped of each user up to a time of its own', async () => {
    await erase({ beforeMs: LOGGED });
    await erase({ userId: 'u-2', beforeMs: LOGGED - HOUR });
    const received = (userId: string, receivedMs: number) => ({ event: { userId, sessionId: userId }, receivedMs });
    const counts = await store([
      received(USER, LOGGED - 1),
      received('u-2', LOGGED - 1),
      received('u-2', LOGGED - HOUR - 1),
    ]);
    expect(counts).toMatchObject({ stored: 1, erased: 2 });
    expect(await count(`sessions WHERE user_id = 'u-2'`)).toBe(1);
  });

  test('A8: a user who comes back is counted anew, by a worker that knew of the one who was erased', async () => {
    await store([{}]);
    await erase();
    expect(await count('users')).toBe(0);
    const later = Date.now() + HOUR;
    await store([{ timeMs: later }]);
    expect([await count('users'), await count('hour_users')]).toEqual([1, 1]);
  });
});

describe('T9: what an erasure leaves', () => {
  test('I5: all that another project has of a user of the same id', async () => {
    const { pool, write } = given();
    const both = [1, 2].flatMap((projectId) => [
      storeVerdict(eventOf({ userId: USER, machineId: 'm' }), { projectId }),
      storeVerdict(eventOf({ userId: USER, sessionId: 'only the summary' }), { projectId }),
      deadLetter(USER, { projectId }),
    ]);
    await write(both);
    // As after a retention that took the events of one project before.
    await pool.query(`DELETE FROM events WHERE project_id = 1 AND session_id = 'only the summary'`);
    expect(await erase()).toMatchObject({ events: 1, sessionsRemoved: 2, deadLetters: 1, uniques: 2 });
    for (const table of ['events', 'sessions', 'session_machines', 'dead_letters', 'hour_users', 'users']) {
      const left = [await count(`${table} WHERE project_id = 1`), await count(`${table} WHERE project_id = 2`)];
      expect({ table, left }).toEqual({ table, left: [0, table === 'events' || table === 'sessions' ? 2 : 1] });
    }
  });

  test('what was received at the time itself: events, dead letters, and the hour that it lies in', async () => {
    await given().write([
      storeVerdict(eventOf({ userId: USER, occurredAt: LOGGED - HOUR }), { timeMs: LOGGED - 1 }),
      deadLetter(USER, { timeMs: LOGGED - 1 }),
      storeVerdict(eventOf({ userId: USER, occurredAt: LOGGED }), { timeMs: LOGGED }),
      deadLetter(USER, { timeMs: LOGGED }),
    ]);
    expect(await erase({ beforeMs: LOGGED })).toMatchObject({ events: 1, deadLetters: 1, uniques: 1 });
    expect([await count('events'), await count('dead_letters'), await count('users')]).toEqual([1, 1, 1]);
    expect(await count(`hour_users WHERE hour = '2026-11-20T12:00:00Z'`)).toBe(1);
  });
});

test('T9: of dead letters more than are read at once, all that carry the user go, as they came or as they were edited', async () => {
  const { pool, write } = given();
  await write(Array.from({ length: 650 }, (_, n) => deadLetter(n % 7 === 6 ? USER : `of-${n}`)));
  const edited = Buffer.from(JSON.stringify({ event: { userId: USER } }));
  await pool.query('UPDATE dead_letters SET replay_value = $1 WHERE log_offset = 649', [edited]);
  expect(await erase()).toMatchObject({ deadLetters: 93 });
  expect(await count('dead_letters')).toBe(557);
});
