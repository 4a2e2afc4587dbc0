import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formatWriteKey } from '@wayline/identity/verify';
import { createPool } from '@wayline/store';
import { startTcpProxy } from '@wayline/testkit';
import { app, eventAt, microservice, type QueryUnderTest, SECRET, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
const event = eventAt(0, { userId: 'u', machineId: 'm', ...app('shop') });
beforeAll(async () => {
  query = await startQuery();
  await query.store([
    event,
    eventAt(1, { userId: 'u', machineId: 'm', ...microservice('cart') }),
    eventAt(2, { sessionId: 'bare' }),
    eventAt(4, app('checkout')),
    eventAt(5, app('shop')),
  ]);
});
afterAll(() => query.close());

const READ = [
  '/v1/sessions',
  '/v1/sessions/s-1',
  '/v1/sessions/s-1/events',
  '/v1/sessions/s-1/navigation',
  '/v1/sessions/s-1/components',
  '/v1/users/u/sessions',
  '/v1/machines/m/sessions',
  '/v1/machines/m/timeline',
  '/v1/machines/m/microservices',
  `/v1/events/${event.eventId}`,
];
const ALL = [...READ, '/v1/ledger'];

describe('I1: who may read', () => {
  test.each(ALL)('%s is not open', async (path) => {
    expect(await query.get(path, { credential: null })).toMatchObject({
      status: 401,
      body: { code: 'unauthenticated', retryable: false },
    });
    expect(await query.get(path, { credential: 'nonsense' })).toMatchObject({ status: 401 });
    expect(await query.get(`${path}?key=nonsense`, { credential: null })).toMatchObject({ status: 401 });
  });

  test.each(READ)('%s needs the scope read', async (path) => {
    expect((await query.get(path)).status).toBe(200);
    expect(await query.get(path, { scopes: ['write', 'aggregation', 'admin'] })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
  });

  test('the ledger needs the scope admin', async () => {
    expect((await query.get('/v1/ledger', { scopes: ['admin'] })).status).toBe(200);
    expect((await query.get('/v1/ledger', { scopes: ['read', 'write', 'aggregation'] })).status).toBe(403);
  });

  test('I2: a write key reads nothing', async () => {
    const key = formatWriteKey({ projectId: 1, keyId: 'k', allowImport: true }, SECRET);
    for (const path of ALL) expect((await query.get(path, { credential: key })).status).toBe(403);
  });
});

describe('I5: nothing of another project is read', () => {
  const stranger = { projectId: 2, scopes: ['read' as const, 'admin' as const] };

  test('on no path, though the ids are known', async () => {
    await query.store([eventAt(0, { sessionId: 'own', userId: 'own-user' })], { projectId: 2 });
    for (const path of READ.slice(1, 5)) expect((await query.get(path, stranger)).status).toBe(404);
    expect(await query.get(`/v1/events/${event.eventId}`, stranger)).toMatchObject({ body: { fate: 'unknown' } });
    expect(await query.get(`/v1/events/${event.eventId}?sessionId=s-1`, stranger)).toMatchObject({ status: 404 });
    for (const list of [
      '',
      '?userId=u',
      '?machineId=m',
      '?app=shop',
      '?microservice=cart',
      '?type=pageVisit&userId=u',
    ]) {
      const { sessions } = await query.read(`/v1/sessions${list}`, stranger);
      expect(sessions.map(({ sessionId }: { sessionId: string }) => sessionId)).toEqual(list === '' ? ['own'] : []);
    }
    expect((await query.read('/v1/users/u/sessions', stranger)).sessions).toEqual([]);
    expect((await query.read('/v1/machines/m/sessions', stranger)).sessions).toEqual([]);
    expect((await query.read('/v1/machines/m/timeline', stranger)).events).toEqual([]);
    expect((await query.read('/v1/machines/m/microservices', stranger)).microservices).toEqual([]);
    expect((await query.read('/v1/ledger', stranger)).hours).toMatchObject([{ read: 1 }]);
  });

  test('what one project stores changes no answer to another, though all its names and ids are the same', async () => {
    const answers = () => Promise.all(READ.map(async (path) => withoutCompleteness(await query.read(path))));
    const before = await answers();
    const day = 86_400_000;
    const same = { userId: 'u', machineId: 'm' };
    await query.store([eventAt(3, { sessionId: 'bare', ...same })], { projectId: 5 });
    await query.store(
      [
        event,
        eventAt(9 * day, { ...same, ...app('shop') }),
        eventAt(9 * day + 1, { ...same, ...microservice('cart') }),
      ],
      { projectId: 5 },
    );
    await query.pool.query(
      `INSERT INTO sources (project_id, id, kind, name) SELECT 6, id, kind, 'foreign' FROM sources WHERE project_id = 1;
       INSERT INTO names (project_id, kind, id, name) SELECT 6, kind, id, 'foreign' FROM names WHERE project_id = 1`,
    );
    expect(await answers()).toEqual(before);
    const fifth = { projectId: 5 };
    expect((await query.read('/v1/sessions/s-1/events', fifth)).events).toHaveLength(3);
    expect((await query.read('/v1/machines/m/timeline', fifth)).events).toHaveLength(4);
    expect((await query.read('/v1/machines/m/microservices', fifth)).microservices).toMatchObject([{ count: 1 }]);
    expect((await query.read('/v1/users/u/sessions', fifth)).sessions).toMatchObject([
      { sessionId: 'bare', eventCount: 1 },
      { sessionId: 's-1', eventCount: 3 },
    ]);
  });

  test('a session of the same id is each its own, and so is what hangs on it', async () => {
    await query.store([eventAt(5, { type: 'mine', sessionId: 's-1', ...app('mine') })], { projectId: 3 });
    const third = { projectId: 3 };
    expect(await query.read('/v1/sessions/s-1', third)).toMatchObject({ eventCount: 1, userId: null, apps: ['mine'] });
    expect((await query.read('/v1/sessions/s-1/events', third)).events).toMatchObject([{ type: 'mine' }]);
    expect((await query.read('/v1/sessions/s-1/components', third)).apps).toMatchObject([{ name: 'mine' }]);
    expect((await query.read('/v1/sessions/s-1')).eventCount).toBe(4);
  });

  test('not by a predecessor of the same name either', async () => {
    const started = (sessionId: string, previousSessionId: string) =>
      eventAt(0, { sessionId, type: 'sessionStarted', context: { previousSessionId } });
    await query.store([started('next', 's-1')], { projectId: 4 });
    expect((await query.read('/v1/sessions/next', { projectId: 4 })).userId).toBeNull();
    expect((await query.read('/v1/users/u/sessions', { projectId: 4 })).sessions).toEqual([]);
  });

  test('nor a dead letter', async () => {
    const eventId = '00000000-0000-4000-8000-0000000000dd';
    await query.deadLetter({ code: 'wrong_type', detail: 'secret', eventId }, { projectId: 1 });
    expect((await query.get(`/v1/events/${eventId}`)).body.fate).toBe('dead-lettered');
    expect((await query.get(`/v1/events/${eventId}`, stranger)).body.fate).toBe('unknown');
  });

  test('a cursor of one project is no cursor of another', async () => {
    const { nextCursor } = await query.read('/v1/sessions/s-1/events?limit=1');
    await query.store([eventAt(0, { sessionId: 's-1' })], { projectId: 2 });
    expect(await query.get(`/v1/sessions/s-1/events?cursor=${nextCursor}`, stranger)).toMatchObject({
      body: { code: 'invalid_cursor' },
    });
  });
});

function withoutCompleteness({ completeThrough: _, lagging: __, ...data }: Record<string, unknown>): object {
  return data;
}

describe('a request that is wrong', () => {
  test.each([
    ['/v1/sessions?limit=0', 'limit'],
    ['/v1/sessions?limit=1001', 'limit'],
    ['/v1/sessions?limit=1.5', 'limit'],
    ['/v1/sessions?limit=1e2', 'limit'],
    ['/v1/sessions?from=yesterday', 'from'],
    ['/v1/sessions?to=2026-02-30T00:00:00Z', 'to'],
    ['/v1/sessions?from=2026-01-01', 'from'],
    ['/v1/sessions?from=2026-01-01T00:00:00+02:00', 'from'],
    ['/v1/sessions?from=2026-01-02T00:00:00Z&to=2026-01-01T00:00:00Z', 'from'],
    ['/v1/sessions?from=253402300800000', 'from'],
    ['/v1/sessions?userID=u', 'userID'],
    ['/v1/sessions?userId=', 'userId'],
    ['/v1/sessions?userId=a&userId=b', 'userId'],
    ['/v1/sessions?app=%00', 'app'],
    ['/v1/sessions?toString=1', 'toString'],
    ['/v1/sessions?key=wlk_1', 'key'],
    ['/v1/sessions/s-1?limit=5', 'limit'],
    ['/v1/sessions/s-1/events?from=2026-01-01T00:00:00Z', 'from'],
    ['/v1/users/u/sessions?userId=v', 'userId'],
    ['/v1/machines/m/sessions?machineId=v', 'machineId'],
    ['/v1/machines/m/microservices?limit=5', 'limit'],
    [`/v1/events/${event.eventId}?at=soon`, 'at'],
  ])('%s is refused, naming the parameter', async (path, name) => {
    const { status, body, headers } = await query.get(path);
    expect(status).toBe(400);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(body).toMatchObject({ code: 'invalid_request', detail: expect.stringContaining(`\`${name}\``) });
  });

  test.each(['/v1/sessions/a%00b', '/v1/machines/%00/timeline', '/v1/sessions/%ff'])('%s is refused', async (path) => {
    expect((await query.get(path)).status).toBe(400);
    expect(query.faults).toEqual([]);
  });

  test('epoch milliseconds and any zone will do for a time', async () => {
    const path = (from: string) => `/v1/sessions?from=${from}`;
    expect((await query.read(path('2026-11-20T14:00:00.005%2B02:00'))).sessions).toHaveLength(1);
    expect((await query.read(path('2026-11-20T14:00:00.006%2B02:00'))).sessions).toHaveLength(0);
    expect((await query.read(path(String(Date.parse('2026-11-20T12:00:00.005Z'))))).sessions).toHaveLength(1);
  });

  test.each([
    { what: 'of another kind', key: ['x', 's-1'] },
    { what: 'missing', key: [0] },
    { what: 'one too many', key: [0, 's-1', 's-2'] },
    { what: 'no time', key: [8.64e15 + 1, 's-1'] },
    { what: 'a part of a millisecond', key: [0.5, 's-1'] },
    { what: 'a text that PostgreSQL does not hold', key: [0, 'a\0b'] },
    { what: 'half of a character', key: [0, '\ud800'] },
  ])('a cursor that somebody has changed, with a key that is $what, is refused', async ({ key }) => {
    const { nextCursor } = await query.read('/v1/sessions?limit=1');
    const [mark, ...own] = JSON.parse(Buffer.from(nextCursor, 'base64url').toString());
    const changed = (parts: unknown[]) =>
      `/v1/sessions?limit=1&cursor=${Buffer.from(JSON.stringify([mark, ...parts])).toString('base64url')}`;
    expect((await query.get(changed(own))).status).toBe(200);
    expect(await query.get(changed(key))).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
    expect(query.faults).toEqual([]);
  });

  test('another method is told which one is served; another path that there is none', async () => {
    const response = await fetch(`${query.url}/v1/ledger`, { method: 'DELETE' });
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, HEAD']);
    expect((await query.get('/v1/session')).status).toBe(404);
  });

  test('answers are not to be kept by caches', async () => {
    expect((await query.get('/v1/sessions')).headers.get('cache-control')).toBe('no-store');
  });
});

describe('T13: while the database does not answer', () => {
  test('503 with Retry-After, and all is well once it is back', async () => {
    const { rows } = await query.pool.query('SELECT current_database() AS name');
    const real = new URL(query.databaseUrl);
    expect(real.pathname).toBe(`/${rows[0].name}`);
    const proxy = await startTcpProxy({ host: real.hostname, port: Number(real.port || 5432) });
    const through = new URL(real);
    through.hostname = '127.0.0.1';
    through.port = String(proxy.port);
    const pool = createPool({ url: through.href, max: 2, applicationName: 'query test' });
    const cut = await startQuery({ pool });
    try {
      expect((await cut.get('/v1/sessions')).status).toBe(200);
      proxy.cutAll();
      for (const path of READ) {
        const { status, body, headers } = await cut.get(path);
        expect([path, status]).toEqual([path, 503]);
        expect(body).toMatchObject({ code: 'database_unavailable', retryable: true });
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0);
      }
      proxy.resume();
      const answers = async () => (await cut.get('/v1/sessions')).status;
      for (const until = Date.now() + 5_000; (await answers()) !== 200 && Date.now() < until; );
      expect(await answers()).toBe(200);
      expect(cut.faults).toEqual([]);
    } finally {
      await pool.end();
      await cut.close();
      await proxy.close();
    }
  });

  test('a query that takes too long is given up, and says what to do', async () => {
    const slow = await startQuery({ statementTimeoutMs: 100 });
    const holder = await slow.pool.connect();
    try {
      await holder.query('BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE');
      expect(await slow.get('/v1/sessions')).toMatchObject({
        status: 503,
        body: { code: 'database_unavailable', detail: expect.stringContaining('longer') },
      });
    } finally {
      await holder.query('ROLLBACK');
      holder.release();
      await slow.close();
    }
  });
});
