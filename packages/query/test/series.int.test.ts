import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import { applyRetention, createPool, eraseUser } from '@wayline/store';
import { type Asking, eventAt, type QueryUnderTest, SESSION_START, startQuery } from './query-under-test.ts';

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const iso = (ms: number): string => new Date(SESSION_START + ms).toISOString();

const AGGREGATION: Asking = { scopes: ['aggregation'] };
let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery();
});
afterAll(() => query.close());

const read = (path: string) => query.read(path, AGGREGATION);
const refused = async (path: string) => (await query.get(path, AGGREGATION)).body;

/** `SESSION_START` is a Friday, noon. */
const measured = (ms: number, value: number | undefined, fields: Partial<IdentifiedEvent> = {}) =>
  eventAt(ms, { type: 'load', namespace: 'web', value, ...fields });

describe('A6: a series', () => {
  const path = '/v1/series/web/load';
  beforeAll(async () => {
    await query.store([
      measured(10 * SECOND, 4),
      measured(5 * SECOND, undefined),
      measured(50 * SECOND, 1),
      measured(MINUTE, 7),
      measured(2 * HOUR, 10),
      measured(3 * DAY, 20),
      eventAt(0, { type: 'load', namespace: 'other', value: 99 }),
      eventAt(0, { type: 'other', namespace: 'web', value: 99 }),
    ]);
    await query.store([measured(0, 1_000)], { projectId: 2 });
  });

  test('is the average of all, where nothing else is said', async () => {
    const answer = await read(path);
    expect(answer).toEqual({
      points: [{ at: iso(10 * SECOND), value: 8.4, count: 5 }],
      completeThrough: expect.stringMatching(/Z$/),
      lagging: [],
    });
  });

  test.each([
    { aggregation: 'avg', value: 4 },
    { aggregation: 'max', value: 7 },
    { aggregation: 'min', value: 1 },
    { aggregation: 'sum', value: 12 },
    { aggregation: 'p50', value: 4 },
    { aggregation: 'p95', value: 6.7 },
    { aggregation: 'p99', value: 6.94 },
  ])(
    '$aggregation is of the events with a value, and names the lowest time of those',
    async ({ aggregation, value }) => {
      const { points } = await read(`${path}?granularity=hour&aggregation=${aggregation}&to=${iso(HOUR)}`);
      expect(points).toEqual([{ at: iso(10 * SECOND), value: expect.closeTo(value, 9), count: 3 }]);
    },
  );

  test('count is of all events', async () => {
    const { points } = await read(`${path}?granularity=minute&aggregation=count&to=${iso(HOUR)}`);
    expect(points).toEqual([
      { at: iso(5 * SECOND), value: 3, count: 3 },
      { at: iso(MINUTE), value: 1, count: 1 },
    ]);
  });

  test.each([
    { granularity: 'minute', starts: [10 * SECOND, MINUTE, 2 * HOUR, 3 * DAY] },
    { granularity: 'hour', starts: [10 * SECOND, 2 * HOUR, 3 * DAY] },
    { granularity: 'day', starts: [10 * SECOND, 3 * DAY] },
    // From Monday: the fourth day is in the next.
    { granularity: 'week', starts: [10 * SECOND, 3 * DAY] },
    { granularity: 'month', starts: [10 * SECOND] },
    { granularity: 'year', starts: [10 * SECOND] },
    { granularity: 'none', starts: [10 * SECOND] },
  ])('is grouped by $granularity, each group with the lowest time in it', async ({ granularity, starts }) => {
    const { points } = await read(`${path}?granularity=${granularity}`);
    expect(points.map(({ at }: { at: string }) => at)).toEqual(starts.map(iso));
  });

  test('may be cut anywhere: from is inclusive, to exclusive', async () => {
    const sum = async (fromMs: number, toMs: number) =>
      (await read(`${path}?aggregation=sum&from=${iso(fromMs)}&to=${iso(toMs)}`)).points;
    expect(await sum(10 * SECOND, 50 * SECOND)).toEqual([{ at: iso(10 * SECOND), value: 4, count: 1 }]);
    expect(await sum(10 * SECOND + 1, MINUTE + 1)).toEqual([{ at: iso(50 * SECOND), value: 8, count: 2 }]);
    expect(await sum(10 * SECOND + 1, 50 * SECOND)).toEqual([]);
    expect(await sum(MINUTE, MINUTE)).toEqual([]);
  });

  test('has what comes late as soon as it is stored', async () => {
    const late = '/v1/series/web/late?granularity=hour&aggregation=sum';
    await query.store([measured(HOUR, 1, { type: 'late' })]);
    expect((await read(late)).points).toEqual([{ at: iso(HOUR), value: 1, count: 1 }]);
    await query.store([measured(HOUR - 1, 2, { type: 'late' }), measured(HOUR + 1, 4, { type: 'late' })]);
    expect((await read(late)).points).toEqual([
      { at: iso(HOUR - 1), value: 2, count: 1 },
      { at: iso(HOUR), value: 5, count: 2 },
    ]);
  });

  test('goes by corrected times', async () => {
    await query.store([measured(20 * HOUR, 3, { type: 'skewed' })], { skewMs: -20 * HOUR + 30 * SECOND });
    for (const aggregation of ['sum', 'p50']) {
      const skewed = `/v1/series/web/skewed?aggregation=${aggregation}`;
      expect((await read(`${skewed}&from=${iso(30 * SECOND)}&to=${iso(31 * SECOND)}`)).points).toEqual([
        { at: iso(30 * SECOND), value: 3, count: 1 },
      ]);
      expect((await read(`${skewed}&from=${iso(30 * SECOND + 1)}`)).points).toEqual([]);
    }
  });

  test('A12: says how complete it is', async () => {
    await query.append([measured(0, 1, { type: 'pending' })]);
    await query.seeLog();
    const answer = await read('/v1/series/web/pending');
    expect(answer).toMatchObject({ points: [], lagging: [{ records: 1 }] });
    await query.catchUp(answer.lagging[0].partition);
    await query.seeLog();
    expect(await read('/v1/series/web/pending')).toMatchObject({ points: [{ value: 1 }], lagging: [] });
  });

  test.each([
    { namespace: 'a/b', type: 'c/d' },
    { namespace: '100%', type: '%2F' },
    { namespace: 'größe', type: '温度 🌡' },
    { namespace: '?a=b&c', type: '#+ "<' },
    { namespace: '..a', type: "'; DROP TABLE events" },
  ])('of $namespace and $type is found by its names, encoded', async ({ namespace, type }) => {
    await query.store([eventAt(0, { namespace, type, value: 5 })]);
    const names = [namespace, type].map(encodeURIComponent).join('/');
    expect((await read(`/v1/series/${names}`)).points).toEqual([{ at: iso(0), value: 5, count: 1 }]);
    expect(await query.get(`/api/events/${names}`, AGGREGATION)).toMatchObject({ status: 200, body: [{ value: 5 }] });
  });

  test('of which nothing was ever stored has no points', async () => {
    for (const names of ['web/nothing', 'nothing/load', 'nothing/nothing']) {
      expect(await read(`/v1/series/${names}?granularity=day&aggregation=p99`)).toMatchObject({ points: [] });
    }
  });
});

describe('empty groups', () => {
  const path = '/v1/series/sparse/tick';
  beforeAll(() =>
    query.store([0, 3 * MINUTE].map((ms) => eventAt(ms, { namespace: 'sparse', type: 'tick', value: 2 }))),
  );
  const fill = async (parameters: string) =>
    (await read(`${path}?empty=include&${parameters}`)).points.map((point: object) => Object.values(point));

  test('are told by choice, at their start: nothing adds up to 0, and has no average', async () => {
    const range = `granularity=minute&from=${iso(-MINUTE + 1)}&to=${iso(4 * MINUTE)}`;
    expect(await fill(`${range}&aggregation=sum`)).toEqual([
      [iso(-MINUTE), 0, 0],
      [iso(0), 2, 1],
      [iso(MINUTE), 0, 0],
      [iso(2 * MINUTE), 0, 0],
      [iso(3 * MINUTE), 2, 1],
    ]);
    const values = async (aggregation: string) =>
      (await fill(`${range}&aggregation=${aggregation}`)).map(([, value]: [string, number | null]) => value);
    expect(await values('count')).toEqual([0, 1, 0, 0, 1]);
    expect(await values('avg')).toEqual([null, 2, null, null, 2]);
    expect(await values('p95')).toEqual([null, 2, null, null, 2]);
    expect(await read(`${path}?${range}&empty=omit`)).toMatchObject({ points: [{ count: 1 }, { count: 1 }] });
  });

  test('of an open range are those between the events', async () => {
    expect(await fill('granularity=minute')).toHaveLength(4);
    expect(await fill(`granularity=minute&to=${iso(10 * MINUTE)}`)).toHaveLength(10);
    expect((await read('/v1/series/sparse/nothing?granularity=minute&empty=include')).points).toEqual([]);
  });

  test('are there for a series that has no event at all, and for all of it at once', async () => {
    const range = `from=${iso(1)}&to=${iso(2 * DAY)}&empty=include`;
    expect((await read(`/v1/series/sparse/nothing?${range}&granularity=month`)).points).toEqual([
      { at: '2026-11-01T00:00:00.000Z', value: null, count: 0 },
    ]);
    expect((await read(`/v1/series/sparse/nothing?${range}&aggregation=count`)).points).toEqual([
      { at: iso(1), value: 0, count: 0 },
    ]);
    const ofAll = await read(`/v1/series/sparse/tick?from=1960-01-01T00:00:00Z&to=1960-02-01T00:00:00Z&empty=include`);
    expect(ofAll.points).toEqual([{ at: '1960-01-01T00:00:00.000Z', value: null, count: 0 }]);
  });
});

describe('a series that is asked for wrongly', () => {
  test.each([
    { path: '/v1/series/web/load?granularity=second', name: 'granularity' },
    { path: '/v1/series/web/load?aggregation=median', name: 'aggregation' },
    { path: '/v1/series/web/load?aggregation=AVG', name: 'aggregation' },
    { path: '/v1/series/web/load?empty=yes', name: 'empty' },
    { path: '/v1/series/web/load?tsMin=1', name: 'tsMin' },
    // Of years after 9999 there is no RFC 3339 time that could be answered.
    { path: '/v1/series/web/load?empty=include&granularity=year&from=0&to=253402300800000', name: 'to' },
    { path: '/v1/series/web/load?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', name: 'from' },
    { path: '/api/events/web/load?tsMin=soon', name: 'tsMin' },
    { path: '/api/events/web/load?tsMax=2020-11-12', name: 'tsMax' },
    { path: '/api/events/web/load?tsMin=2&tsMax=1', name: 'tsMin' },
    { path: '/api/events/web/load?aggregationType=sum', name: 'aggregationType' },
    { path: '/api/events/web/load?from=1', name: 'from' },
  ])('$path is refused, naming the parameter', async ({ path, name }) => {
    expect(await refused(path)).toMatchObject({
      status: 400,
      code: 'invalid_request',
      detail: expect.stringContaining(`\`${name}\``),
    });
  });

  test('I1, I5: it needs the scope aggregation, and is of one project', async () => {
    for (const path of ['/v1/series/web/load', '/api/events/web/load']) {
      expect((await query.get(path, { credential: null })).status).toBe(401);
      expect((await query.get(path, { scopes: ['read', 'write', 'admin'] })).status).toBe(403);
    }
    expect((await query.read('/v1/series/web/load', { ...AGGREGATION, projectId: 2 })).points).toMatchObject([
      { value: 1_000, count: 1 },
    ]);
    expect((await query.read('/v1/series/web/load', { ...AGGREGATION, projectId: 3 })).points).toEqual([]);
  });

  test('more groups than an answer holds are refused before the database is asked', async () => {
    const pool = createPool({ url: 'postgres://127.0.0.1:1/none', max: 1, applicationName: 'query test' });
    const alone = await startQuery({ pool });
    const ask = (granularity: string, from: string, toMs: number) => {
      const range = `from=${from}T00:00:00Z&to=${new Date(toMs).toISOString()}`;
      return alone.get(`/v1/series/web/load?granularity=${granularity}&${range}`, AGGREGATION);
    };
    try {
      for (const [granularity, from, to] of [
        ['minute', '2026-01-01', '2026-02-04T17:20:00Z'],
        ['hour', '2026-01-01', '2031-09-15T08:00:00Z'],
        ['day', '1970-01-01', '2106-11-24T00:00:00Z'],
        ['week', '1001-01-05', '1959-04-13T00:00:00Z'],
        ['month', '1970-01-01', '6136-09-01T00:00:00Z'],
      ] as const) {
        // 50,000 groups, and a millisecond more.
        expect([granularity, (await ask(granularity, from, Date.parse(to))).status]).toEqual([granularity, 503]);
        expect((await ask(granularity, from, Date.parse(to) + 1)).body).toMatchObject({
          status: 400,
          code: 'invalid_request',
          detail: expect.stringMatching(`By ${granularity}, .* 50001 groups, and an answer holds 50000`),
        });
      }
    } finally {
      await pool.end();
      await alone.close();
    }
  });

  test('the same where the range is open, and the events lie far apart', async () => {
    await query.store([0, 40 * DAY].map((ms) => eventAt(ms, { namespace: 'web', type: 'rare', value: 1 })));
    expect(await refused('/v1/series/web/rare?granularity=minute')).toMatchObject({ code: 'invalid_request' });
    expect((await read('/v1/series/web/rare?granularity=hour')).points).toHaveLength(2);
  });
});

describe('A9: where single events are deleted', () => {
  const path = '/v1/series/old/load';
  const at = (ms: number) => encodeURIComponent(new Date(ms).toISOString());
  const ago = (days: number): number => Math.floor((Date.now() - days * DAY) / DAY) * DAY + HOUR;
  const stored = (days: number, value: number, fields: Partial<IdentifiedEvent> = {}) =>
    eventAt(ago(days) - SESSION_START, { sessionId: `s-${days}`, namespace: 'old', type: 'load', value, ...fields });
  let kept: QueryUnderTest;
  beforeAll(async () => {
    kept = await startQuery({ now: Date.now });
    await kept.pool.query(`INSERT INTO projects (slug, name) VALUES ('one', 'One')`);
    await kept.pool.query(
      `INSERT INTO settings (key, value, version) VALUES ('project:1', '{"retentionDays": 10}', 1)
       ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    );
    await kept.store(
      [stored(30, 1), stored(30, 2, { sessionId: 'x' }), stored(30, 4, { userId: 'u' }), stored(5, 8), stored(5, 16)],
      { logMs: ago(30) },
    );
    await kept.store([stored(5, 32, { userId: 'u' })], { logMs: ago(5) });
  });
  afterAll(() => kept.close());
  const ask = async (parameters: string) => (await kept.get(`${path}?${parameters}`, AGGREGATION)).body;
  /** A second after the events of that day, which all have one time. */
  const second = (days: number) => `from=${at(ago(days))}&to=${at(ago(days) + SECOND)}`;

  test('whole minutes are told all the same; what needs the events is refused, and from when on it can be had', async () => {
    expect(await ask(`${second(30)}&aggregation=sum`)).toMatchObject({ points: [{ value: 7, count: 3 }] });
    expect(await ask('aggregation=p50')).toMatchObject({ points: [{ value: 6, count: 6 }] });
    const { partitionsDropped } = await applyRetention(kept.pool, { throughMs: Date.now(), thorough: true });
    expect(partitionsDropped).toHaveLength(1);

    expect(await ask('granularity=day&aggregation=sum')).toMatchObject({
      points: [
        { at: new Date(ago(30)).toISOString(), value: 7, count: 3 },
        { value: 56, count: 3 },
      ],
    });
    const keptFrom = new Date(ago(9) - HOUR).toISOString();
    const problem = {
      status: 400,
      code: 'events_expired',
      retryable: false,
      detail: expect.stringContaining(keptFrom),
    };
    expect(await ask(`${second(30)}&aggregation=sum`)).toMatchObject(problem);
    expect(await ask('aggregation=p50')).toMatchObject(problem);
    expect(await ask(`aggregation=p50&from=${keptFrom}`)).toMatchObject({ points: [{ value: 16, count: 3 }] });
    expect(await ask(`${second(5)}&aggregation=sum`)).toMatchObject({ points: [{ value: 56, count: 3 }] });
    // Whatever of the range lies in the time without events does not matter.
    expect(await ask(`aggregation=sum&from=${at(ago(40) + 1)}&to=${at(ago(30) + MINUTE)}`)).toMatchObject({
      points: [{ value: 7 }],
    });
    expect(await ask(`aggregation=p50&from=${at(ago(60))}&to=${at(ago(40))}`)).toMatchObject({ points: [] });
  });

  test('a retention that was shorter once is not forgotten', async () => {
    await kept.pool.query(`UPDATE settings SET value = '{}' WHERE key = 'project:1'`);
    expect(await ask('aggregation=p50')).toMatchObject({ code: 'events_expired' });
    expect(await ask(`aggregation=p50&from=${at(ago(4) - HOUR)}`)).toMatchObject({ points: [] });
  });

  test('T9: what was erased is missing in single events, and refused is nothing', async () => {
    await eraseUser(kept.pool, { projectId: 1, userId: 'u' });
    expect(await ask(`${second(5)}&aggregation=sum&granularity=day`)).toMatchObject({
      points: [{ value: 24, count: 2 }],
    });
    expect(await ask(`aggregation=p50&from=${at(ago(7))}`)).toMatchObject({ points: [{ value: 12, count: 2 }] });
    // Numeric rollups name nobody, and stay.
    expect(await ask(`aggregation=sum&from=${at(ago(7))}`)).toMatchObject({ points: [{ value: 56, count: 3 }] });
  });
});

test('values that add up to more than a double holds are refused as a sum, and told as what they are', async () => {
  await query.store([0, HOUR].map((ms) => eventAt(ms, { namespace: 'web', type: 'huge', value: 1.7e308 })));
  for (const aggregation of ['sum', 'avg']) {
    expect(await refused(`/v1/series/web/huge?aggregation=${aggregation}`)).toMatchObject({ code: 'invalid_request' });
    const { points } = await read(`/v1/series/web/huge?aggregation=${aggregation}&granularity=hour`);
    expect(points).toMatchObject([{ value: 1.7e308 }, { value: 1.7e308 }]);
  }
  expect((await read('/v1/series/web/huge?aggregation=p50')).points).toMatchObject([{ value: 1.7e308 }]);
  expect(query.faults).toEqual([]);
});

describe("A11: the predecessors' form", () => {
  const path = '/api/events/server-1/cpu';
  const at = Date.parse('2020-11-12T11:10:00Z');
  const seconds = at / SECOND;
  beforeAll(() =>
    query.store(
      [0, 10_250, 65_000, 2 * HOUR].map((ms, i) =>
        eventAt(at + ms - SESSION_START, { namespace: 'server-1', type: 'cpu', value: 142 + i }),
      ),
    ),
  );
  const ask = (parameters: string) => read(`${path}?${parameters}`);

  test('is a list of times without a zone, the lowest of each group, and values', async () => {
    expect(await ask(`tsMin=${seconds}&tsMax=${seconds + 86_400}&granularity=minute&aggregationType=max`)).toEqual([
      { aggregatedTimestamp: '2020-11-12T11:10:00', value: 143 },
      { aggregatedTimestamp: '2020-11-12T11:11:05', value: 144 },
      { aggregatedTimestamp: '2020-11-12T13:10:00', value: 145 },
    ]);
    expect(await ask('granularity=hour&aggregationType=min')).toMatchObject([{ value: 142 }, { value: 145 }]);
  });

  test('is the average of all, where nothing else is said; an old client may ask from 0 on', async () => {
    expect(await ask('')).toEqual([{ aggregatedTimestamp: '2020-11-12T11:10:00', value: 143.5 }]);
    expect(await ask('tsMin=0&tsMax=4102444800&granularity=minute')).toHaveLength(3);
    expect(await read(`${path}/?tsMin=0`)).toHaveLength(1);
  });

  test('has both its bounds in the range', async () => {
    expect(await ask(`tsMin=${seconds}&tsMax=${seconds}`)).toEqual([
      { aggregatedTimestamp: '2020-11-12T11:10:00', value: 142 },
    ]);
    expect(await ask(`tsMin=${seconds + 1}&tsMax=${seconds + 65}&granularity=minute`)).toEqual([
      { aggregatedTimestamp: '2020-11-12T11:10:10.250', value: 143 },
      { aggregatedTimestamp: '2020-11-12T11:11:05', value: 144 },
    ]);
    expect(await ask(`tsMin=${seconds + 66}&tsMax=${seconds + 3_600}`)).toEqual([]);
  });

  test('A12: tells in a header how complete it is', async () => {
    const { headers } = await query.get(path, AGGREGATION);
    expect(Date.parse(headers.get('wayline-complete-through') ?? '')).toBeGreaterThan(at);
  });
});
