import { beforeEach, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import {
  BatchWriter,
  ensurePosition,
  type JudgedRecord,
  type PartitionBatch,
  type VerifyRange,
  verifyStored,
} from '../src/index.ts';
import { batchOf, eventOf, type RecordOptions, storeVerdict } from './batches.ts';
import { storeUnderTest, TOPIC, WRITING } from './store-under-test.ts';

const HOUR = 3_600_000;
/** The start of an hour of today or yesterday: of the oldest books some may be pruned. */
const NOON = Math.floor(Date.now() / HOUR) * HOUR - 5 * HOUR;

const given = storeUnderTest({ partitions: 2 });

/** An event that its sender dates at the start of the hour. */
const at = (event: Partial<IdentifiedEvent>, options: RecordOptions = {}) =>
  storeVerdict(eventOf({ occurredAt: NOON, ...event }), { timeMs: NOON, ...options });

const dead = (timeMs: number): Omit<JudgedRecord, 'offset'> => ({
  timeMs,
  projectId: 1,
  original: { key: null, value: Buffer.from('rubbish'), headers: {} },
  verdict: { deadLetter: { code: 'unreadable', detail: 'no JSON' } },
});

/** What differs: by which check, of which project. */
async function differences(range: VerifyRange = {}): Promise<string[]> {
  const results = await verifyStored(given().pool, range);
  return results.flatMap(({ check, differences: told }) =>
    told.map(({ what, projectId }) => `${check}: ${what}, of ${projectId ?? 'all'}`),
  );
}

/** Users with ids of either kind, skews that lead into other hours, in two projects. */
beforeEach(async () => {
  await given().write([
    at({ userId: 'u-1' }),
    at({ userId: 'u-1', type: 'objectInView' }),
    at({ anonymousId: 'a-1' }),
    at({ userId: '', anonymousId: 'a-2' }),
    at({ sessionId: 'nobody' }),
    at({ sessionId: 'slow', userId: 'u-1' }, { skewMs: 3 * HOUR + 7 }),
    at({ sessionId: 'slow', anonymousId: 'a-1' }, { skewMs: -2 * HOUR }),
    at({ userId: 'u-1' }, { projectId: 2 }),
    at({ sessionId: 'gone', userId: 'u-2' }, { projectId: 2 }),
  ]);
});

test('T11: a recount goes by corrected times, and by either id of a user, as what is kept does', async () => {
  expect(await differences()).toEqual([]);
  expect(await differences({ fromMs: NOON, toMs: NOON + HOUR })).toEqual([]);
});

test.each([
  {
    name: 'a session has another first time',
    sql: `UPDATE sessions SET first_at = first_at - interval '1 ms' WHERE session_id = 'nobody'`,
    found: ['sessions: first time of a session, ms, of 1'],
  },
  {
    name: 'skews of a session lie further apart than is known',
    sql: `UPDATE sessions SET least_skew_ms = least_skew_ms + 1, greatest_skew_ms = 0 WHERE session_id = 'slow'`,
    found: ['sessions: greatest skew of a session, ms, of 1', 'sessions: least skew of a session, ms, of 1'],
  },
  {
    name: 'nothing of skews that an older program stored',
    sql: `UPDATE sessions SET least_skew_ms = 5, greatest_skew_ms = 0, skews_of = 0 WHERE session_id = 'slow'`,
    found: [],
  },
  {
    name: 'a user is not known to have been seen in an hour',
    sql: `DELETE FROM hour_users WHERE user_id = 'a-2'`,
    found: ['rollups: users of an hour, by name, of 1'],
  },
  {
    name: 'a user was counted twice',
    sql: 'INSERT INTO user_count_deltas (project_id, users, saw_object) VALUES (2, 1, 0)',
    found: ['users: users of a project, of 2'],
  },
  {
    name: 'a project has counts of users, and no users',
    sql: 'DELETE FROM users WHERE project_id = 2',
    found: ['users: users of a project, of 2'],
  },
  {
    name: 'a project has users, and no counts of them',
    sql: 'DELETE FROM user_count_deltas WHERE project_id = 2',
    found: ['users: users of a project, of 2'],
  },
])('T11: finds that $name', async ({ sql, found }) => {
  await given().pool.query(sql);
  expect(await differences()).toEqual(found);
});

test('I5, A9: what was removed in one project excuses nothing in another', async () => {
  const { pool } = given();
  await pool.query(`DELETE FROM events WHERE session_id = 'gone'; UPDATE ledger SET removed = 1 WHERE project_id = 2`);
  expect(await differences()).toEqual([]);
  await pool.query(`UPDATE sessions SET greatest_skew_ms = 7 WHERE project_id = 2`);
  expect(await differences()).toEqual([]);
  await pool.query(`UPDATE sessions SET least_skew_ms = 7 WHERE project_id = 2`);
  expect(await differences()).toEqual(['sessions: least skew of a session, ms, of 2']);
  await pool.query(`UPDATE sessions SET least_skew_ms = 0 WHERE project_id = 2`);
  await pool.query(`UPDATE sessions SET event_count = event_count + 1 WHERE session_id = 'nobody';
    UPDATE hours SET clicks = clicks, events = events + 1 WHERE project_id = 1 AND unique_users > 2`);
  expect(await differences()).toEqual(['sessions: events of a session, of 1', 'rollups: events of an hour, of 1']);
});

test('T11: of hours that are asked for with one end, what lies beyond that is not recounted', async () => {
  const { writer, pool } = given();
  await writer.write([batchOf({ partition: 1 }, [at({ sessionId: 'later' }, { timeMs: NOON + HOUR })])]);
  await pool.query(`UPDATE sessions SET last_at = last_at + interval '1 ms' WHERE session_id = 'later'`);
  const found = ['sessions: last time of a session, ms, of 1'];
  expect(await differences({ fromMs: NOON + HOUR })).toEqual(found);
  expect(await differences({ toMs: NOON + HOUR })).toEqual([]);
  expect(await differences({ fromMs: NOON, toMs: NOON + HOUR })).toEqual([]);
  await pool.query(`UPDATE sessions SET event_count = 9 WHERE session_id = 'nobody'`);
  expect(await differences({ fromMs: NOON + HOUR })).toEqual(found);
  expect(await differences({ toMs: NOON + HOUR })).toEqual(['sessions: events of a session, of 1']);
});

test('T11: what the log took at the end of the hours is of the next, though it was stored before the last of them', async () => {
  const { writer, write } = given();
  const next = [at({ sessionId: 'next' }, { timeMs: NOON + HOUR }), dead(NOON + HOUR)];
  await writer.write([batchOf({ partition: 1 }, next)]);
  await write([at({ sessionId: 'last' }, { timeMs: NOON + HOUR - 1 })]);
  expect(await differences({ fromMs: NOON, toMs: NOON + HOUR })).toEqual([]);
  expect(await differences({ fromMs: NOON + HOUR, toMs: NOON + 2 * HOUR })).toEqual([]);
});

test('T11: several groups may store into one database: that each reads all of the log is no fault', async () => {
  const { pool } = given();
  const other = { ...WRITING, group: 'another' };
  await ensurePosition(pool, { ...other, topic: TOPIC, partition: 0 }, 0);
  await new BatchWriter({ pool, ...other }).write([batchOf({}, [at({ sessionId: 'again' }), at({ userId: 'u-9' })])]);
  expect(await differences()).toEqual([]);
});

test.each([
  { topic: 'wayline.direct', found: [] },
  { topic: 'wayline.events', found: ['batches: records read, and offsets, of all'] },
])(
  'T4: markers of transactions take offsets where services produce, and nowhere else: $topic',
  async ({ topic, found }) => {
    const { pool, writer } = given();
    await ensurePosition(pool, { ...WRITING, topic, partition: 1 }, 0);
    const batch: PartitionBatch = batchOf({ topic, partition: 1 }, [at({ sessionId: 'direct' })]);
    await writer.write([{ ...batch, nextOffset: batch.nextOffset + 1 }]);
    expect(await differences()).toEqual(found);
  },
);
