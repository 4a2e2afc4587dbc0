import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { app, eventAt, microservice, type QueryUnderTest, SESSION_START, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery();
});
afterAll(() => query.close());

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const iso = (ms: number): string => new Date(SESSION_START + ms).toISOString();

interface ReadEvent {
  eventId: string;
  sessionId: string;
  occurredAt: string;
}

async function readAll(path: string): Promise<ReadEvent[]> {
  const all: ReadEvent[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await query.read(`${path}${cursor && `&cursor=${cursor}`}`);
    all.push(...page.events);
    cursor = page.nextCursor;
  }
  return all;
}

describe('A4: the timeline of a machine', () => {
  const machineId = 'kiosk/7';
  const path = `/v1/machines/${encodeURIComponent(machineId)}/timeline`;
  beforeAll(async () => {
    await query.store(
      Array.from({ length: 40 }, (_, n) => eventAt((n % 8) * 5 * HOUR, { machineId, sessionId: `t-${n % 3}` })),
    );
    await query.store([eventAt(0, { machineId: 'another', sessionId: 't-0' }), eventAt(0, { sessionId: 't-0' })]);
  });

  test('is all its events over sessions, in the order of its own clock, over pages of any size', async () => {
    const all = await readAll(`${path}?limit=1000`);
    expect(all).toHaveLength(40);
    const keys = all.map(({ occurredAt, sessionId, eventId }) => [occurredAt, sessionId, eventId].join(' '));
    expect(keys).toEqual([...keys].sort());
    for (const limit of [1, 7, 40]) expect(await readAll(`${path}?limit=${limit}`)).toEqual(all);
  });

  test('goes on after a page with another limit, but not at another machine or in another range', async () => {
    const { events, nextCursor } = await query.read(`${path}?limit=3`);
    const rest = await query.read(`${path}?limit=1000&cursor=${nextCursor}`);
    expect([...events, ...rest.events]).toHaveLength(40);
    for (const other of ['/v1/machines/another/timeline?', `${path}?from=${iso(0)}&`]) {
      expect(await query.get(`${other}cursor=${nextCursor}`)).toMatchObject({ body: { code: 'invalid_cursor' } });
    }
  });

  test('is cut by from (inclusive) and to (exclusive), by that clock, and says how complete it is', async () => {
    const page = await query.read(`${path}?from=${iso(5 * HOUR)}&to=${iso(20 * HOUR)}&limit=1000`);
    expect(new Set(page.events.map(({ occurredAt }: ReadEvent) => occurredAt))).toEqual(
      new Set([iso(5 * HOUR), iso(10 * HOUR), iso(15 * HOUR)]),
    );
    expect(page).toMatchObject({ completeThrough: expect.stringMatching(/Z$/), lagging: [] });
    expect((await query.read(`${path}?from=${iso(DAY * 9)}`)).events).toEqual([]);
  });

  test('keeps the order that the machine knew, however its clock was corrected', async () => {
    const of = (ms: number, type: string) => eventAt(ms, { machineId: 'drifting', sessionId: 'd', type });
    await query.store([of(0, 'first')], { skewMs: 20 * HOUR });
    await query.store([of(1_000, 'second')], { skewMs: -20 * HOUR });
    const { events } = await query.read('/v1/machines/drifting/timeline');
    expect(events.map(({ type }: { type: string }) => type)).toEqual(['first', 'second']);
  });

  test('of a machine that nobody has heard of is empty', async () => {
    expect(await query.read('/v1/machines/nobody/timeline')).toMatchObject({ events: [], nextCursor: null });
  });
});

describe('A3: the microservices of a machine', () => {
  beforeAll(async () => {
    const on = { machineId: 'm-1', sessionId: 'services' };
    await query.store([
      eventAt(0, { ...on, ...microservice('cart') }),
      eventAt(2_000, { ...on, ...microservice('payment') }),
      eventAt(3_000, { ...on, ...app('shop') }),
      eventAt(DAY, { ...on, source: { kind: 'microservice', name: 'cart', version: '2' } }),
      eventAt(0, { sessionId: 'services', ...microservice('elsewhere') }),
    ]);
    await query.store([eventAt(40 * HOUR, { ...on, ...microservice('early') })], { skewMs: -20 * HOUR });
  });

  test('are told with counts, first and last use', async () => {
    const { microservices, ...rest } = await query.read('/v1/machines/m-1/microservices');
    expect(microservices).toEqual([
      { name: 'cart', count: 2, firstAt: iso(0), lastAt: iso(DAY) },
      { name: 'payment', count: 1, firstAt: iso(2_000), lastAt: iso(2_000) },
      { name: 'early', count: 1, firstAt: iso(20 * HOUR), lastAt: iso(20 * HOUR) },
    ]);
    expect(rest).toMatchObject({ completeThrough: expect.stringMatching(/Z$/) });
  });

  test('are cut by corrected time: from inclusive, to exclusive', async () => {
    const names = async (from: number, to: number) =>
      (await query.read(`/v1/machines/m-1/microservices?from=${iso(from)}&to=${iso(to)}`)).microservices.map(
        ({ name, count }: { name: string; count: number }) => `${name} ${count}`,
      );
    expect(await names(0, 2_000)).toEqual(['cart 1']);
    expect(await names(2_000, 20 * HOUR)).toEqual(['payment 1']);
    expect(await names(20 * HOUR, 20 * HOUR + 1)).toEqual(['early 1']);
    expect(await names(20 * HOUR + 1, DAY)).toEqual([]);
    expect(await names(40 * HOUR, 41 * HOUR)).toEqual([]);
  });
});
