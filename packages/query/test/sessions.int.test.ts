import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { app, eventAt, microservice, type QueryUnderTest, SESSION_START, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
let nowMs = SESSION_START + 60_000;
beforeAll(async () => {
  query = await startQuery({ now: () => nowMs });
});
afterAll(() => query.close());
beforeEach(() => query.pool.query('TRUNCATE events, sessions, session_machines, machines, users'));

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;
const iso = (ms: number): string => new Date(SESSION_START + ms).toISOString();

const idsOf = async (path: string, projectId = 1): Promise<string[]> =>
  (await query.read(path, { projectId })).sessions.map(({ sessionId }: { sessionId: string }) => sessionId);

/** The clock moves on; resolves once the API has looked anew how complete the data are. */
async function at(ms: number): Promise<void> {
  nowMs = SESSION_START + ms;
  while ((await query.read('/v1/sessions?limit=1')).completeThrough !== iso(ms));
}

describe('the summary of a session', () => {
  test('tells what the session was, from its first event to its last', async () => {
    await at(20 * MINUTE);
    await query.store([
      eventAt(1_000, { type: 'sessionStarted', context: { previousSessionId: 's-0' }, platform: 'web' }),
      eventAt(0, { ...app('shop'), userId: 'u-old' }),
      eventAt(5_000, { ...app('checkout'), userId: 'u-1', machineId: 'm-1' }),
      eventAt(9_000, microservice('cart')),
      eventAt(9_500, { source: { kind: 'app', name: 'shop', version: '2' } }),
    ]);
    expect(await query.read('/v1/sessions/s-1')).toEqual({
      sessionId: 's-1',
      previousSessionId: 's-0',
      userId: 'u-1',
      machineId: 'm-1',
      platform: 'web',
      startedAt: iso(1_000),
      endedAt: null,
      endReason: null,
      firstAt: iso(0),
      lastAt: iso(9_500),
      eventCount: 5,
      apps: ['checkout', 'shop'],
      microservices: ['cart'],
    });
  });

  test('without sessionStarted it started with its first event', async () => {
    await query.store([eventAt(700)]);
    expect((await query.read('/v1/sessions/s-1')).startedAt).toBe(iso(700));
  });

  test('T2: ended goes before refreshed, refreshed before idle', async () => {
    const ended = (ms: number, reason: string) => eventAt(ms, { type: 'sessionEnded', context: { reason } });
    await query.store([eventAt(0), ended(2_000, 'refreshed')]);
    expect(await query.read('/v1/sessions/s-1')).toMatchObject({ endReason: 'refreshed', endedAt: iso(2_000) });
    await query.store([ended(5_000, 'ended'), eventAt(6_000)]);
    await at(5 * HOUR);
    expect(await query.read('/v1/sessions/s-1')).toMatchObject({
      endReason: 'ended',
      endedAt: iso(5_000),
      lastAt: iso(6_000),
    });
  });

  test('T2: without an event for over 30 minutes it ended, idle, with its last; a later event reopens it', async () => {
    await query.store([eventAt(0), eventAt(MINUTE)]);
    await at(31 * MINUTE);
    expect(await query.read('/v1/sessions/s-1')).toMatchObject({ endReason: null, endedAt: null });
    await at(31 * MINUTE + 1);
    expect(await query.read('/v1/sessions/s-1')).toMatchObject({ endReason: 'idle', endedAt: iso(MINUTE) });
    await query.store([eventAt(30 * MINUTE)]);
    expect(await query.read('/v1/sessions/s-1')).toMatchObject({ endReason: null, endedAt: null });
  });

  test('T2: without a user of its own it shows the nearest predecessor that has one', async () => {
    const started = (sessionId: string, previousSessionId: string, fields = {}) =>
      eventAt(0, { sessionId, type: 'sessionStarted', context: { previousSessionId }, ...fields });
    await query.store([
      eventAt(0, { sessionId: 'a', userId: 'u-a' }),
      started('b', 'a'),
      started('c', 'b'),
      started('d', 'c', { userId: 'u-d' }),
      started('ring-1', 'ring-2'),
      started('ring-2', 'ring-1'),
      started('orphan', 'never-seen'),
    ]);
    const userOf = async (id: string) => (await query.read(`/v1/sessions/${id}`)).userId;
    expect(await userOf('c')).toBe('u-a');
    expect(await userOf('d')).toBe('u-d');
    expect(await userOf('ring-1')).toBeNull();
    expect(await userOf('orphan')).toBeNull();
    expect((await idsOf('/v1/sessions?userId=u-a')).sort()).toEqual(['a', 'b', 'c']);
    expect((await idsOf('/v1/users/u-a/sessions')).sort()).toEqual(['a', 'b', 'c']);
    expect(await idsOf('/v1/users/u-d/sessions')).toEqual(['d']);
  });

  test('T2: so it does over many refreshes, and is found among the sessions of that user', async () => {
    const chain = Array.from({ length: 65 }, (_, n) => `refreshed-${String(n).padStart(2, '0')}`);
    await query.store(
      chain.map((sessionId, n) =>
        n === 0
          ? eventAt(0, { sessionId, userId: 'u-long' })
          : eventAt(n, { sessionId, type: 'sessionStarted', context: { previousSessionId: chain[n - 1] } }),
      ),
    );
    expect((await idsOf('/v1/users/u-long/sessions?limit=1000')).sort()).toEqual(chain);
    expect(await query.read(`/v1/sessions/${chain.at(-1)}`)).toMatchObject({ userId: 'u-long' });
  });

  test('a session that nobody has heard of is a 404, with all that hangs on it', async () => {
    for (const part of ['', '/events', '/navigation', '/components']) {
      expect(await query.get(`/v1/sessions/nobody${part}`)).toMatchObject({ status: 404, body: { code: 'not_found' } });
    }
  });
});

describe('lists of sessions', () => {
  test('go by first event, newest first, then by id, over pages of any size', async () => {
    const given = Array.from({ length: 30 }, (_, n) => ({
      id: `s-${String(n).padStart(2, '0')}`,
      ms: (n % 7) * 1_000,
    }));
    await query.store(given.map(({ id, ms }) => eventAt(ms, { sessionId: id })));
    const expected = given.sort((a, b) => b.ms - a.ms || (a.id < b.id ? -1 : 1)).map(({ id }) => id);
    for (const limit of [1, 4, 29, 30, 100]) {
      const all: string[] = [];
      for (let cursor: string | null = ''; cursor !== null; ) {
        const page = await query.read(`/v1/sessions?limit=${limit}${cursor && `&cursor=${cursor}`}`);
        all.push(...page.sessions.map(({ sessionId }: { sessionId: string }) => sessionId));
        cursor = page.nextCursor;
      }
      expect(all).toEqual(expected);
    }
  });

  test('a page may be followed by a longer one, but not by one of other filters', async () => {
    await query.store(
      ['a', 'b', 'c', 'd'].map((sessionId) => eventAt(0, { sessionId, ...app('shop'), machineId: 'm' })),
    );
    const { nextCursor } = await query.read('/v1/sessions?app=shop&limit=1');
    expect(await idsOf(`/v1/sessions?limit=2&cursor=${nextCursor}&app=shop`)).toEqual(['b', 'c']);
    const others = ['/v1/sessions?', '/v1/sessions?app=cart&', '/v1/sessions?app=shop&type=pageVisit&'];
    for (const path of [...others, '/v1/machines/m/sessions?app=shop&', '/v1/users/u/sessions?app=shop&']) {
      expect(await query.get(`${path}cursor=${nextCursor}`)).toMatchObject({ body: { code: 'invalid_cursor' } });
    }
    const machine = await query.read('/v1/machines/m/sessions?limit=1');
    const stranger = `/v1/machines/n/sessions?cursor=${machine.nextCursor}`;
    expect(await query.get(stranger)).toMatchObject({ body: { code: 'invalid_cursor' } });
  });

  test('match machine, app, microservice and type with any event of a session, and all filters together', async () => {
    const in_ = (sessionId: string, ms: number, fields: object) => eventAt(ms, { sessionId, ...fields });
    await query.store([
      in_('x', 0, { machineId: 'm-1', ...app('shop'), type: 'click', userId: 'u-1' }),
      in_('x', 1, { machineId: 'm-2', ...microservice('cart') }),
      in_('y', 2, { machineId: 'm-2', source: { kind: 'app', name: 'shop', version: '2', instance: 'i' } }),
      in_('z', 3, { ...microservice('shop'), type: 'click', userId: 'u-1' }),
    ]);
    expect(await idsOf('/v1/sessions?machineId=m-2')).toEqual(['y', 'x']);
    expect(await idsOf('/v1/machines/m-1/sessions')).toEqual(['x']);
    expect(await idsOf('/v1/sessions?app=shop')).toEqual(['y', 'x']);
    expect(await idsOf('/v1/sessions?microservice=shop')).toEqual(['z']);
    expect(await idsOf('/v1/sessions?type=click')).toEqual(['z', 'x']);
    expect(await idsOf('/v1/sessions?type=click&userId=u-1&app=shop&microservice=cart&machineId=m-2')).toEqual(['x']);
    expect(await idsOf('/v1/users/u-1/sessions?app=shop')).toEqual(['x']);
    expect(await idsOf('/v1/machines/m-2/sessions?userId=u-1')).toEqual(['x']);
    expect(await idsOf('/v1/users/u-1/sessions?machineId=m-2')).toEqual(['x']);
    expect(await idsOf('/v1/users/u-1/sessions?microservice=shop')).toEqual(['z']);
    expect(await idsOf('/v1/machines/m-2/sessions?type=click')).toEqual(['x']);
    for (const none of ['app=cart', 'microservice=nope', 'type=nope', 'machineId=nope', 'userId=nope']) {
      expect(await idsOf(`/v1/sessions?${none}`)).toEqual([]);
    }
  });

  test('select by overlap: from inclusive, to exclusive', async () => {
    await query.store([
      eventAt(0, { sessionId: 'early' }),
      eventAt(HOUR, { sessionId: 'early' }),
      eventAt(2 * HOUR, { sessionId: 'late' }),
    ]);
    const between = (from: number, to: number) => idsOf(`/v1/sessions?from=${iso(from)}&to=${iso(to)}`);
    expect(await between(-HOUR, 0)).toEqual([]);
    expect(await between(-HOUR, 1)).toEqual(['early']);
    expect(await between(HOUR, 2 * HOUR)).toEqual(['early']);
    expect(await between(HOUR + 1, 2 * HOUR)).toEqual([]);
    expect(await between(HOUR / 2, 2 * HOUR + 1)).toEqual(['late', 'early']);
    expect(await between(2 * HOUR, 3 * HOUR)).toEqual(['late']);
    expect(await idsOf(`/v1/sessions?from=${iso(HOUR + 1)}`)).toEqual(['late']);
    expect(await idsOf(`/v1/sessions?to=${iso(1)}`)).toEqual(['early']);
    expect(await idsOf('/v1/sessions?from=0001-01-01T00:00:00Z&to=9999-12-31T23:59:59Z')).toEqual(['late', 'early']);
  });

  test('find a session that began days before and reaches into the range, in its place among the others', async () => {
    await query.store([
      eventAt(-9 * DAY, { sessionId: 'long' }),
      eventAt(0, { sessionId: 'long' }),
      eventAt(-8 * DAY, { sessionId: 'over' }),
      eventAt(-DAY, { sessionId: 'over' }),
      eventAt(-DAY, { sessionId: 'a-day' }),
      eventAt(0, { sessionId: 'a-day' }),
      eventAt(-DAY - 1, { sessionId: 'a-day-and-1' }),
      eventAt(0, { sessionId: 'a-day-and-1' }),
      eventAt(0, { sessionId: 'new' }),
    ]);
    const range = `from=${iso(0)}&to=${iso(1)}`;
    const expected = ['new', 'a-day', 'a-day-and-1', 'long'];
    expect(await idsOf(`/v1/sessions?${range}`)).toEqual(expected);
    const paged: string[] = [];
    for (let cursor: string | null = ''; cursor !== null; ) {
      const page = await query.read(`/v1/sessions?${range}&limit=1${cursor && `&cursor=${cursor}`}`);
      paged.push(page.sessions[0].sessionId);
      cursor = page.nextCursor;
    }
    expect(paged).toEqual(expected);
  });
});

describe('within a session', () => {
  test('A1: a hop goes between events next to each other among those of apps, of different names', async () => {
    await query.store([
      eventAt(0, { ...app('shop'), page: '/a' }),
      eventAt(1, microservice('cart')),
      eventAt(2, { ...app('checkout'), page: '/pay' }),
      eventAt(3, { source: { kind: 'app', name: 'checkout', version: '2' } }),
      eventAt(4, {}),
      eventAt(5, app('shop')),
    ]);
    expect(await query.read('/v1/sessions/s-1/navigation')).toEqual({
      hops: [
        { from: 'shop', to: 'checkout', at: iso(2), page: '/pay' },
        { from: 'checkout', to: 'shop', at: iso(5), page: null },
      ],
    });
  });

  test('A1: a late event splits a hop', async () => {
    await query.store([eventAt(0, app('a')), eventAt(10, app('c'))]);
    await query.store([eventAt(5, app('b'))]);
    const { hops } = await query.read('/v1/sessions/s-1/navigation');
    expect(hops.map(({ from, to }: { from: string; to: string }) => from + to)).toEqual(['ab', 'bc']);
  });

  test('A1: of very many hops the first 10,000 are told, and that there are more', async () => {
    const visits = (sessionId: string, count: number) =>
      Array.from({ length: count }, (_, n) => eventAt(n, { sessionId, ...app(n % 2 ? 'shop' : 'cart') }));
    await query.store([...visits('all', 10_001), ...visits('more', 10_002)]);
    const all = await query.read('/v1/sessions/all/navigation');
    expect([all.hops.length, all.truncated, all.hops.at(-1).at]).toEqual([10_000, undefined, iso(10_000)]);
    const more = await query.read('/v1/sessions/more/navigation');
    expect([more.hops.length, more.truncated, more.hops.at(-1).at]).toEqual([10_000, true, iso(10_000)]);
  });

  test('A2: apps and microservices are told with counts, first and last use, over versions and instances', async () => {
    await query.store([eventAt(0, { source: { kind: 'app', name: 'shop', version: '1' } })], { skewMs: 6_000 });
    await query.store([
      eventAt(1_000, microservice('cart')),
      eventAt(2_000, microservice('shop')),
      eventAt(8_000, { source: { kind: 'app', name: 'shop', version: '2', instance: 'i' } }),
      eventAt(9_000, microservice('cart')),
      eventAt(9_500),
    ]);
    expect(await query.read('/v1/sessions/s-1/components')).toEqual({
      apps: [{ name: 'shop', count: 2, firstAt: iso(6_000), lastAt: iso(8_000) }],
      microservices: [
        { name: 'cart', count: 2, firstAt: iso(1_000), lastAt: iso(9_000) },
        { name: 'shop', count: 1, firstAt: iso(2_000), lastAt: iso(2_000) },
      ],
    });
  });

  test('events on both sides of midnight, sent by a clock a day off, are all there', async () => {
    await query.store([eventAt(13 * HOUR)], { skewMs: -23 * HOUR });
    await query.store([eventAt(-23 * HOUR)], { skewMs: 22 * HOUR });
    expect((await query.read('/v1/sessions/s-1/events')).events).toHaveLength(2);
    expect((await query.read('/v1/sessions/s-1')).eventCount).toBe(2);
  });
});
