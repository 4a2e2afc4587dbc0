import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eraseUser, recordUserCounts, type UserCounts } from '@wayline/store';
import { createLatestMetrics } from '../src/analytics/latest-metrics.ts';
import { type Asking, eventAt, type QueryUnderTest, startQuery } from './query-under-test.ts';

const MINUTE = 60_000;
const aggregation: Asking = { scopes: ['aggregation'] };

let query: QueryUnderTest;
beforeEach(async () => {
  await query?.close();
  query = await startQuery();
}, 60_000);
afterAll(() => query?.close());

let daysAway = 1000;
/** Counts, as in another minute than before: what was recorded last goes back to a day of its own, later than those before. */
async function countInNextMinute(): Promise<void> {
  await query.pool.query(
    `UPDATE user_count_history SET minute = minute - make_interval(days => $1) WHERE minute > now() - interval '1 hour'`,
    [--daysAway],
  );
  expect(await recordUserCounts(query.pool)).toMatchObject({ recorded: true });
}

/** What is in the table, past the cache of `latest`. */
const history = async (parameters = '', asking = aggregation) =>
  (await query.read(`/v1/metrics/history?limit=1000${parameters}`, asking)).metrics;
const counted = async (asking = aggregation) =>
  (await history('', asking)).map((m: { uniqueUsers: number; uniqueUsersWithObjectInView: number }) => [
    m.uniqueUsers,
    m.uniqueUsersWithObjectInView,
  ]);

/** A minute each, the last one beginning at `toMs`. */
const insertMinutes = (count: number, toMs: number, projectId = 1) =>
  query.pool.query(
    `INSERT INTO user_count_history (project_id, minute, users, saw_object)
     SELECT $1, to_timestamp($2::float8 / 1000) - n * interval '1 minute', $3::integer - n, 0 FROM generate_series(0, $3::integer - 1) n`,
    [projectId, toMs, count],
  );

describe('A8: users of all time', () => {
  test('A8: while nothing was counted, 503 says so: as a problem, and as the predecessor did', async () => {
    await query.store([eventAt(0, { userId: 'u-1' })]);
    const v1 = await query.get('/v1/metrics/latest', aggregation);
    expect(v1).toMatchObject({ status: 503, body: { code: 'no_data', retryable: true } });
    expect(v1.headers.get('content-type')).toBe('application/problem+json');
    expect(v1.headers.get('retry-after')).toBe('60');
    const old = await query.get('/metrics/latest', aggregation);
    expect(old).toMatchObject({ status: 503, body: { message: 'No data available' } });
    expect(old.headers.get('retry-after')).toBe('60');
    expect(old.body).toEqual({ message: 'No data available' });
    expect(await history()).toEqual([]);
    expect((await query.get('/metrics/history', aggregation)).body).toEqual([]);

    await countInNextMinute();
    expect((await query.get('/v1/metrics/latest', aggregation)).status).toBe(200);
  });

  test('A8: counts each user once, whenever seen, and apart those that saw an object', async () => {
    await query.store([
      eventAt(0, { userId: 'u-1' }),
      eventAt(1, { userId: 'u-1', type: 'objectInView' }),
      eventAt(2, { anonymousId: 'a-1', type: 'objectInView' }),
      eventAt(3, { sessionId: 'nobody', type: 'objectInView' }),
    ]);
    await query.store([
      eventAt(-40 * 86_400_000, { userId: 'u-2' }),
      eventAt(5, { userId: 'u-1', type: 'objectInView' }),
    ]);
    await countInNextMinute();
    const { rows } = await query.pool.query('SELECT max(minute) AS at FROM user_count_history');
    const expected = {
      timestamp: new Date(rows[0].at).toISOString(),
      uniqueUsers: 3,
      uniqueUsersWithObjectInView: 2,
    };
    expect(rows[0].at % MINUTE).toBe(0);
    expect(Math.abs(rows[0].at - Date.now())).toBeLessThan(2 * MINUTE);
    expect(await query.read('/v1/metrics/latest', aggregation)).toEqual(expected);
    expect(await query.read('/metrics/latest', aggregation)).toEqual(expected);
    expect(await query.read('/metrics/history', aggregation)).toEqual([expected]);
    expect(await query.read('/v1/metrics/history', aggregation)).toMatchObject({
      metrics: [expected],
      nextCursor: null,
      completeThrough: expect.any(String),
    });
  });

  test('A8, T9: history tells how it was; after an erasure the next count is less, and what was counted stays', async () => {
    await query.store([eventAt(0, { userId: 'u-1', type: 'objectInView' }), eventAt(1, { userId: 'u-2' })]);
    await countInNextMinute();
    await query.store([eventAt(2, { userId: 'u-2', type: 'objectInView' }), eventAt(3, { userId: 'u-3' })]);
    await countInNextMinute();
    await eraseUser(query.pool, { projectId: 1, userId: 'u-1', pauseShare: 0 });
    await countInNextMinute();
    await countInNextMinute();
    await query.store([eventAt(4, { userId: 'u-1' })], { logMs: Date.now() + MINUTE });
    await countInNextMinute();
    expect(await counted()).toEqual([
      [2, 1],
      [3, 2],
      [2, 1],
      [2, 1],
      [3, 1],
    ]);
  });

  test('I1, I5: they need the scope aggregation, and count nothing of another project', async () => {
    await query.store([eventAt(0, { userId: 'u-1' })]);
    await query.store([eventAt(0, { userId: 'u-1' }), eventAt(1, { userId: 'u-2' })], { projectId: 2 });
    await countInNextMinute();
    const other = { ...aggregation, projectId: 2 };
    for (const path of ['/v1/metrics/latest', '/metrics/latest']) {
      expect(await query.read(path, aggregation)).toMatchObject({ uniqueUsers: 1 });
      expect(await query.read(path, other)).toMatchObject({ uniqueUsers: 2 });
      expect((await query.get(path, { ...aggregation, projectId: 3 })).status).toBe(503);
    }
    expect(await counted()).toEqual([[1, 0]]);
    expect(await counted(other)).toEqual([[2, 0]]);
    for (const path of ['/v1/metrics/latest', '/v1/metrics/history', '/metrics/latest', '/metrics/history']) {
      expect((await query.get(path, { credential: null })).status).toBe(401);
      expect(await query.get(path, { scopes: ['read', 'write', 'admin'] })).toMatchObject({
        status: 403,
        body: { code: 'forbidden' },
      });
    }
  });
});

describe('A8: history', () => {
  const TO = Date.UTC(2026, 10, 20, 12);

  test('A8: is read in pages, which stay right while minutes come and go', async () => {
    await insertMinutes(250, TO);
    const seen: number[] = [];
    let cursor = '';
    do {
      const page = await query.read(`/v1/metrics/history?limit=100${cursor && `&cursor=${cursor}`}`, aggregation);
      seen.push(...page.metrics.map(({ uniqueUsers }: { uniqueUsers: number }) => uniqueUsers));
      if (cursor === '') {
        await query.pool.query('DELETE FROM user_count_history WHERE users <= 60');
        await query.pool.query(
          `INSERT INTO user_count_history (project_id, minute, users, saw_object) VALUES (1, to_timestamp($1), 251, 0)`,
          [(TO + MINUTE) / 1000],
        );
      }
      cursor = page.nextCursor;
    } while (cursor);
    expect(seen).toEqual(Array.from({ length: 251 }, (_, i) => i + 1));
  });

  test('I5: the cursor of one project is none of another', async () => {
    await insertMinutes(3, TO);
    const { nextCursor } = await query.read('/v1/metrics/history?limit=1', aggregation);
    const stranger = { ...aggregation, projectId: 2 };
    expect(await query.get(`/v1/metrics/history?cursor=${nextCursor}`, stranger)).toMatchObject({
      status: 400,
      body: { code: 'invalid_cursor' },
    });
  });

  test('A8: from is inclusive, to exclusive; the predecessor takes seconds, too', async () => {
    await insertMinutes(10, TO);
    const users = (list: { uniqueUsers: number }[]) => list.map(({ uniqueUsers }) => uniqueUsers);
    const range = (from: unknown, to: unknown) => `from=${from}&to=${to}`;
    const three = [5, 6, 7];
    const from = TO - 5 * MINUTE;
    const to = TO - 2 * MINUTE;
    expect(users(await history(`&${range(from, to)}`))).toEqual(three);
    for (const given of [
      range(from, to),
      range(from / 1000, to / 1000),
      range(new Date(from).toISOString(), '2026-11-20T11:58:00'),
    ]) {
      expect(users(await query.read(`/metrics/history?${given}`, aggregation))).toEqual(three);
    }
    expect(users(await query.read(`/metrics/history?from=${to}`, aggregation))).toEqual([8, 9, 10]);
    expect(await query.get('/metrics/history?from=noon', aggregation)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', detail: expect.stringContaining('`from` must be epoch seconds') },
    });
    expect(await query.get(`/metrics/history?${range(to, from)}`, aggregation)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', detail: '`from` must not be after `to`.' },
    });
  });

  test('A8: more than 50,000 minutes at once are refused with a way out', async () => {
    await insertMinutes(50_001, TO);
    expect(await query.get('/metrics/history', aggregation)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', detail: expect.stringContaining('page through /v1/metrics/history') },
    });
    expect(await query.read(`/metrics/history?to=${TO}`, aggregation)).toHaveLength(50_000);
  });
});

describe('A8: the cache of the latest', () => {
  const counts = (minuteMs: number): UserCounts => ({ minuteMs, users: 1, sawObject: 0 });

  function reads(answers: (UserCounts | undefined | Error)[]) {
    let asked = 0;
    const read = async () => {
      const answer = answers[Math.min(asked++, answers.length - 1)];
      if (answer instanceof Error) throw answer;
      return answer as never;
    };
    return { read, asked: () => asked };
  }

  test('asks once for many readers, and again when it is old', async () => {
    const source = reads([counts(1), counts(2)]);
    const latest = createLatestMetrics(source, 60_000);
    const answers = await Promise.all([latest(1), latest(1), latest(1)]);
    expect(answers.map((answer) => answer?.minuteMs)).toEqual([1, 1, 1]);
    expect(source.asked()).toBe(1);
    expect((await latest(2))?.minuteMs).toBe(2);

    const old = reads([counts(1), counts(2)]);
    const unkept = createLatestMetrics(old, 0);
    expect([(await unkept(1))?.minuteMs, (await unkept(1))?.minuteMs]).toEqual([1, 2]);
  });

  test('neither keeps that there are none, nor a failure', async () => {
    const latest = createLatestMetrics(reads([undefined, new Error('away'), counts(3)]), 60_000);
    expect(await latest(1)).toBeUndefined();
    await expect(latest(1)).rejects.toThrow('away');
    expect((await latest(1))?.minuteMs).toBe(3);
  });

  test('is there at the API: within seconds the answer is the same', async () => {
    await insertMinutes(1, Date.UTC(2026, 10, 20, 12));
    const first = await query.read('/v1/metrics/latest', aggregation);
    await insertMinutes(2, Date.UTC(2026, 10, 20, 14));
    expect(await query.read('/metrics/latest', aggregation)).toEqual(first);
  });
});
