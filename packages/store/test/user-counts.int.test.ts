import { beforeEach, expect, test } from '@jest/globals';
import type pg from 'pg';
import { applyRetention, BatchWriter, eraseUser, recordUserCounts } from '../src/index.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { storeUnderTest, WRITING } from './store-under-test.ts';

const given = storeUnderTest({ partitions: 4 });
let pool: pg.Pool;
beforeEach(() => {
  ({ pool } = given());
});

const DAY = 86_400_000;
let daysAway = 0;
/** What was recorded of late goes to a day of its own: were all moved by a minute, one might meet the next before that is moved. */
const nextMinute = () =>
  pool.query(
    `UPDATE user_count_history SET minute = minute - make_interval(days => $1) WHERE minute > now() - interval '1 hour'`,
    [++daysAway],
  );
const counts = async () =>
  (await pool.query('SELECT project_id AS project, users, saw_object AS saw FROM user_counts ORDER BY 1')).rows;
const recounted = async () =>
  (
    await pool.query(
      `SELECT project_id AS project, count(*) AS users, count(*) FILTER (WHERE saw_object) AS saw FROM users GROUP BY 1 ORDER BY 1`,
    )
  ).rows;

/** What was summed up, and what is still to be. */
const known = async () =>
  (
    await pool.query(
      `SELECT project_id AS project, sum(users)::bigint AS users, sum(saw_object)::bigint AS saw FROM (
         SELECT project_id, users, saw_object FROM user_counts UNION ALL
         SELECT project_id, users, saw_object FROM user_count_deltas) parts GROUP BY 1 ORDER BY 1`,
    )
  ).rows;

/** Of a few users, so that most are met by several transactions at once: new, known, and seeing an object for the first time. */
function writeRound(writers: readonly BatchWriter[], round: number): Promise<unknown> {
  return Promise.all(
    writers.map((writer, partition) =>
      writer.write([
        batchOf(
          { partition, firstOffset: round * 30 },
          Array.from({ length: 30 }, (_, i) =>
            storeVerdict(
              eventOf({
                sessionId: `s-${partition}`,
                userId: `u-${(i * 7 + round) % 60}`,
                type: (i + round) % 5 === 0 ? 'objectInView' : 'click',
              }),
              { projectId: 1 + (i % 2) },
            ),
          ),
        ),
      ]),
    ),
  );
}

test('A8: sums of what changed equal a recount, whoever stores, erases and counts at once', async () => {
  let writers = Array.from({ length: 4 }, () => new BatchWriter({ pool, ...WRITING }));
  for (let round = 0; round < 12; round++) {
    // New writers know no user: what is there already is then written once more.
    if (round % 4 === 3) writers = Array.from({ length: 4 }, () => new BatchWriter({ pool, ...WRITING }));
    await Promise.all([
      writeRound(writers, round),
      eraseUser(pool, { projectId: 1, userId: `u-${round * 2}`, pauseShare: 0 }),
      recordUserCounts(pool, { afresh: round % 3 === 2 }),
      recordUserCounts(pool),
    ]);
    await nextMinute();
    expect(await known()).toEqual(await recounted());
  }
  expect(await recordUserCounts(pool)).toMatchObject({ recorded: true });
  expect(await counts()).toEqual(await recounted());
  expect(await given().count('SELECT count(*) FROM user_count_deltas')).toBe(0);
  await nextMinute();
  expect(await recordUserCounts(pool, { afresh: true })).toMatchObject({ recorded: true });
  expect(await counts()).toEqual(await recounted());
});

test('A8: a minute is recorded once, and says how long it still lasts', async () => {
  await given().write([storeVerdict(eventOf({ userId: 'u-1' }))]);
  const first = await recordUserCounts(pool);
  expect(first).toMatchObject({ recorded: true });
  expect(first?.nextInMs).toBeGreaterThan(-1_000);
  expect(first?.nextInMs).toBeLessThanOrEqual(60_000);
  await given().write([storeVerdict(eventOf({ userId: 'u-2' }))]);
  const second = await recordUserCounts(pool, { afresh: true });
  const minutes = await given().count('SELECT count(*) FROM user_count_history');
  expect(minutes).toBe(second?.recorded ? 2 : 1); // two where a minute has just ended
});

test('A8: counted afresh, a project of which no user is left has none, and the others theirs', async () => {
  await given().write([
    storeVerdict(eventOf({ userId: 'u-1' })),
    storeVerdict(eventOf({ userId: 'u-1' }), { projectId: 2 }),
  ]);
  expect(await recordUserCounts(pool)).toMatchObject({ recorded: true });
  await nextMinute();
  await pool.query('DELETE FROM users WHERE project_id = 1');
  expect(await recordUserCounts(pool, { afresh: true })).toMatchObject({ recorded: true });
  expect(await counts()).toEqual([
    { project: 1, users: 0, saw: 0 },
    { project: 2, users: 1, saw: 0 },
  ]);
});

test('A8: a transaction that fails adds nothing', async () => {
  const bad = storeVerdict(eventOf({ userId: 'u-1', target: 'broken \0' }));
  await expect(given().write([bad])).rejects.toThrow();
  await recordUserCounts(pool);
  expect(await counts()).toEqual([]);
});

test('A9: the history has a retention of its own, in whole days; by default it is kept for ever', async () => {
  const at = (daysAgo: number) => Math.floor(Date.now() / DAY) * DAY - daysAgo * DAY;
  for (const ms of [at(0), at(30), at(30) - 60_000, at(300)]) {
    await pool.query(
      `INSERT INTO user_count_history (project_id, minute, users, saw_object) VALUES (1, to_timestamp($1), 1, 0)`,
      [ms / 1000],
    );
  }
  const pass = (userCountDays?: number) =>
    applyRetention(pool, {
      throughMs: Date.now(),
      thorough: true,
      pauseShare: 0,
      chunkRows: 1,
      defaultDays: 1,
      userCountDays,
    });
  expect(await pass()).toMatchObject({ userCounts: 0 });
  expect(await pass(30)).toMatchObject({ userCounts: 2 });
  const { rows } = await pool.query('SELECT minute FROM user_count_history ORDER BY 1');
  expect(rows.map(({ minute }) => minute)).toEqual([at(30), at(0)]);
});
