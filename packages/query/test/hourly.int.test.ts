import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import { eraseUser } from '@wayline/store';
import {
  type Asking,
  eventAt,
  type QueryUnderTest,
  SESSION_START,
  type Stored,
  startQuery,
} from './query-under-test.ts';

const HOUR = 3_600_000;
const NOON = '2026-11-20T12:00:00.000Z';
const aggregation: Asking = { scopes: ['aggregation'] };
const DAY = 'from=2026-11-20T00:00:00Z&to=2026-11-21T00:00:00Z';

let query: QueryUnderTest;
/** Each test has its own. */
let projectId = 0;
beforeAll(async () => {
  query = await startQuery();
}, 60_000);
beforeEach(() => {
  projectId += 10;
});
afterAll(() => query?.close());

const store = (events: readonly IdentifiedEvent[], stored: Stored = {}) =>
  query.store(events, { projectId, ...stored });
const hourly = async (parameters = DAY, asking: Asking = {}) =>
  (await query.read(`/v1/analytics/hourly?${parameters}`, { ...aggregation, projectId, ...asking })).hours;
const refusal = async (parameters: string) =>
  query.get(`/v1/analytics/hourly?${parameters}`, { ...aggregation, projectId });

describe('A7: hourly', () => {
  test('A7: users, clicks, impressions and events of an hour; a user is the userId, else the anonymousId', async () => {
    await store([
      eventAt(0, { type: 'click', userId: 'u-1' }),
      eventAt(1, { type: 'impression', userId: 'u-1', anonymousId: 'a-1' }),
      eventAt(2, { type: 'impression', anonymousId: 'a-1' }),
      eventAt(3, { type: 'pageVisit', userId: 'u-2' }),
      eventAt(4, { type: 'click', sessionId: 'nobody' }),
      eventAt(HOUR - 1, { type: 'Click', userId: 'u-2' }),
      eventAt(HOUR, { type: 'click', userId: 'u-2' }),
      eventAt(-1, { type: 'click', userId: 'u-2' }),
    ]);
    expect(await hourly()).toEqual([
      { hour: '2026-11-20T11:00:00.000Z', uniqueUsers: 1, clicks: 1, impressions: 0, events: 1 },
      { hour: NOON, uniqueUsers: 3, clicks: 2, impressions: 2, events: 6 },
      { hour: '2026-11-20T13:00:00.000Z', uniqueUsers: 1, clicks: 1, impressions: 0, events: 1 },
    ]);
  });

  test('A7: the hour is that of the corrected time', async () => {
    await store([eventAt(-10_000, { type: 'click' })], { skewMs: 20_000 });
    expect(await hourly()).toMatchObject([{ hour: NOON, clicks: 1 }]);
  });

  test('A7: what is stored is in the answer at once, and a retry is not counted again', async () => {
    const last = eventAt(0, { type: 'click', userId: 'u-0' });
    await store([last]);
    for (let n = 1; n <= 20; n++) {
      await store([eventAt(n, { type: n % 2 ? 'impression' : 'click', userId: `u-${n}` }), last]);
      expect(await hourly()).toEqual([
        {
          hour: NOON,
          uniqueUsers: n + 1,
          clicks: 1 + Math.floor(n / 2),
          impressions: Math.ceil(n / 2),
          events: n + 1,
        },
      ]);
    }
  });

  test('A7: an event that comes days later counts in the hour in which it happened', async () => {
    await store([eventAt(2 * 24 * HOUR, { userId: 'u-1' })]);
    await store([eventAt(0, { userId: 'u-1' })], { receivedMs: SESSION_START + 2 * 24 * HOUR });
    expect(await hourly()).toMatchObject([{ hour: NOON, uniqueUsers: 1, events: 1 }]);
  });

  test('T9: erasing a user leaves the counts of the hours', async () => {
    await store([eventAt(0, { type: 'click', userId: 'u-1' }), eventAt(1, { userId: 'u-2' })]);
    const before = await hourly();
    expect(await eraseUser(query.pool, { projectId, userId: 'u-1', pauseShare: 0 })).toMatchObject({ events: 1 });
    expect(await hourly()).toEqual(before);
  });
});

describe('the range', () => {
  beforeEach(async () => {
    await store([eventAt(0), eventAt(2 * HOUR), eventAt(3 * HOUR)]);
  });
  const told = async (parameters: string) =>
    (await hourly(parameters)).map(({ hour, events }: { hour: string; events: number }) => [
      hour.slice(11, 13),
      events,
    ]);

  test.each([
    { parameters: 'from=2026-11-20T12:00:00Z&to=2026-11-20T14:00:00Z', hours: [['12', 1]] },
    {
      parameters: 'from=2026-11-20T12:59:59.999Z&to=2026-11-20T14:00:00.001Z',
      hours: [
        ['12', 1],
        ['14', 1],
      ],
    },
    { parameters: `from=${SESSION_START + 1}&to=${SESSION_START + 2}`, hours: [['12', 1]] },
    { parameters: `from=${SESSION_START + 1}&to=${SESSION_START + 1}`, hours: [] },
    {
      parameters: 'from=2026-11-20T13:00:00Z',
      hours: [
        ['14', 1],
        ['15', 1],
      ],
    },
    {
      parameters: '',
      hours: [
        ['12', 1],
        ['14', 1],
        ['15', 1],
      ],
    },
    {
      parameters: 'empty=include',
      hours: [
        ['12', 1],
        ['13', 0],
        ['14', 1],
        ['15', 1],
      ],
    },
    { parameters: 'from=2026-11-20T16:00:00Z&empty=include', hours: [] },
    { parameters: 'to=2026-11-20T12:00:00Z&empty=include', hours: [] },
    {
      parameters: 'to=2026-11-20T15:00:00Z',
      hours: [
        ['12', 1],
        ['14', 1],
      ],
    },
    { parameters: 'from=2026-11-20T15:59:59Z', hours: [['15', 1]] },
  ])('A7: whole hours that it touches: $parameters', async ({ parameters, hours }) => {
    expect(await told(parameters)).toEqual(hours);
  });

  test('A7: hours without events are there by choice', async () => {
    const range = 'from=2026-11-20T11:30:00Z&to=2026-11-20T15:00:00Z';
    expect(await told(`${range}&empty=include`)).toEqual([
      ['11', 0],
      ['12', 1],
      ['13', 0],
      ['14', 1],
    ]);
    expect(await told(`${range}&empty=omit`)).toHaveLength(2);
    expect((await hourly(`${range}&empty=include`))[0]).toEqual({
      hour: '2026-11-20T11:00:00.000Z',
      uniqueUsers: 0,
      clicks: 0,
      impressions: 0,
      events: 0,
    });
    expect(await hourly('from=2021-03-08T16:00:00Z&to=2026-11-21T00:00:00Z&empty=include')).toHaveLength(50_000);
  });

  test.each([
    { parameters: 'from=2021-03-08T16:00:00Z&to=2026-11-21T00:00:00.001Z', detail: 'there are 50001 hours' },
    { parameters: 'from=0', detail: 'hours, and an answer holds 50000; ask for them in parts.' },
    { parameters: 'from=2026-11-20T13:00:00Z&to=2026-11-20T12:00:00Z', detail: '`from` must not be after `to`' },
    { parameters: 'empty=fill', detail: '`empty` must be one of omit, include' },
    { parameters: 'timestamp=1', detail: 'it has: from, to, empty' },
    { parameters: 'from=yesterday', detail: '`from` must be an RFC 3339 time' },
  ])('is refused where it is wrong: $parameters', async ({ parameters, detail }) => {
    expect(await refusal(parameters)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', detail: expect.stringContaining(detail) },
    });
  });
});

test('A12: the answer says how complete it is', async () => {
  const path = `/v1/analytics/hourly?${DAY}`;
  const other = await startQuery({ partitions: 1 });
  await other.append([eventAt(0, { type: 'click', userId: 'u-1' })]);
  const record = await other.log.peek({ topic: 'wayline.events', partition: 0, offset: 0 });
  expect(await other.read(path, aggregation)).toEqual({
    hours: [],
    completeThrough: new Date(record?.timeMs ?? Number.NaN).toISOString(),
    lagging: [{ topic: 'wayline.events', partition: 0, records: 1 }],
  });
  await other.catchUp(0);
  await other.seeLog();
  expect(await other.read(path, aggregation)).toMatchObject({ hours: [{ clicks: 1, uniqueUsers: 1 }], lagging: [] });
  await other.close();
});

test('A7: a project without events has no hours', async () => {
  for (const parameters of ['', 'empty=include', 'from=0&empty=include']) expect(await hourly(parameters)).toEqual([]);
});

test('I1, I5: it needs the scope aggregation, and counts nothing of another project', async () => {
  await store([eventAt(0, { userId: 'u-1' })]);
  await store([eventAt(0, { userId: 'u-1' }), eventAt(1, { userId: 'u-2' })], { projectId: projectId + 1 });
  expect(await hourly()).toMatchObject([{ events: 1, uniqueUsers: 1 }]);
  expect(await hourly(DAY, { projectId: projectId + 1 })).toMatchObject([{ events: 2, uniqueUsers: 2 }]);
  expect(await hourly(DAY, { projectId: projectId + 2 })).toEqual([]);
  const path = `/v1/analytics/hourly?${DAY}`;
  expect((await query.get(path, { credential: null })).status).toBe(401);
  expect((await query.get(path, { scopes: ['read', 'write', 'admin'] })).status).toBe(403);
});
