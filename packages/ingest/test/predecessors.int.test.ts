import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { type LoggedEvent, uuidV7Time, uuidV8 } from '@wayline/contracts';
import { type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';

let ingest: IngestUnderTest;
beforeAll(async () => {
  ingest = await startIngest();
});
afterAll(() => ingest.close());
beforeEach(() => ingest.forget());

const USER = '7b0f6f0e-6f0b-4a3e-9c53-3d9f0a1b2c3d';
/** A whole second of a minute ago. */
const seconds = Math.floor(Date.now() / 1000) - 60;
const iso = new Date(seconds * 1000).toISOString();
const day = iso.slice(0, 10);
const events = async () => (await ingest.logged()).map(({ event }) => event);
const theEvent = async () => {
  const [event, ...others] = await events();
  expect(others).toEqual([]);
  return event as LoggedEvent['event'];
};
const refusal = (status: number, pointer: string, code: string) => ({
  status,
  body: { errors: [expect.objectContaining({ index: 0, pointer, code })] },
});

describe('A11: POST /analytics', () => {
  const post = (query: Record<string, string>) =>
    ingest.post(`/analytics?${new URLSearchParams(query)}`, undefined, { headers: { 'content-type': null } });

  test.each([
    { timestamp: String(seconds), unit: 'seconds' },
    { timestamp: String(seconds * 1000), unit: 'milliseconds' },
  ])('takes $unit, and answers 204 without a body', async ({ timestamp }) => {
    const answer = await post({ timestamp, user: 'u-1', event: 'click' });
    expect(answer).toMatchObject({ status: 204, body: undefined });
    expect(await theEvent()).toEqual({
      eventId: expect.any(String),
      sessionId: `legacy-${uuidV8('u-1', day)}`,
      type: 'click',
      userId: 'u-1',
      occurredAt: iso,
    });
  });

  test('two clicks of the same second are two', async () => {
    for (let i = 0; i < 2; i++) await post({ timestamp: String(seconds), user: 'u-1', event: 'impression' });
    expect(new Set((await events()).map(({ eventId }) => eventId)).size).toBe(2);
  });

  test('the key may come in the address', async () => {
    const path = `/analytics?timestamp=${seconds}&user=u&event=click&key=${writeKey()}`;
    expect((await ingest.post(path, undefined, { credential: null })).status).toBe(204);
    expect((await ingest.post(path.replace(/.$/, 'x'), undefined, { credential: null })).status).toBe(401);
  });

  test.each([
    { more: { event: 'scroll' }, pointer: '/event', code: 'not_allowed' },
    { more: { user: '' }, pointer: '/user', code: 'missing_field' },
    { more: { user: 'x'.repeat(257) }, pointer: '/user', code: 'too_long' },
    { more: { user: 'a\0' }, pointer: '/user', code: 'contains_nul' },
    { more: { timestamp: '' }, pointer: '/timestamp', code: 'missing_field' },
    { more: { timestamp: 'noon' }, pointer: '/timestamp', code: 'invalid_format' },
    { more: { timestamp: '99999999999999999' }, pointer: '/timestamp', code: 'invalid_format' },
    { more: { timestamp: '1' }, pointer: '/timestamp', code: 'time_too_old' },
  ])('T8: $pointer $code', async ({ more, pointer, code }) => {
    const answer = await post({ timestamp: String(seconds), user: 'u-1', event: 'click', ...more });
    expect(answer).toMatchObject(refusal(422, pointer, code));
  });
});

describe('A11: POST /api/track/', () => {
  const body = { namespace: 'frontend', name: 'loadTime', timestamp: iso.slice(0, 19), value: 142.5 };
  const post = (more: object = {}, path = '/api/track/') => ingest.post(path, { ...body, ...more });

  test.each([
    { form: 'without a zone, which is UTC', timestamp: iso.slice(0, 19) },
    { form: 'with a blank, and fractions', timestamp: `${iso.slice(0, 19).replace('T', ' ')}.000000` },
    { form: 'with a zone', timestamp: new Date(seconds * 1000 + 3_600_000).toISOString().replace('Z', '+01:00') },
    { form: 'in seconds', timestamp: seconds },
    { form: 'in milliseconds', timestamp: seconds * 1000 },
  ])('takes a time $form, and answers with the same object', async ({ timestamp }) => {
    const answer = await post({ timestamp });
    expect(answer).toMatchObject({ status: 201, body: { ...body, timestamp } });
    expect(await theEvent()).toEqual({
      eventId: expect.any(String),
      sessionId: `legacy-${uuidV8('frontend', 'loadTime', iso.slice(0, 13))}`,
      namespace: 'frontend',
      type: 'loadTime',
      occurredAt: iso,
      value: 142.5,
    });
  });

  test('works without the last slash, and keeps what else was said', async () => {
    const answer = await post({ host: 'web-1' }, '/api/track');
    expect(answer.body).toEqual({ ...body, host: 'web-1' });
    expect((await theEvent()).context).toEqual({ host: 'web-1' });
  });

  test.each([
    { more: { name: undefined }, pointer: '/name', code: 'missing_field' },
    { more: { name: 'x'.repeat(257) }, pointer: '/name', code: 'too_long' },
    { more: { namespace: 7 }, pointer: '/namespace', code: 'wrong_type' },
    { more: { namespace: 'x'.repeat(129) }, pointer: '/namespace', code: 'too_long' },
    { more: { timestamp: null }, pointer: '/timestamp', code: 'missing_field' },
    { more: { timestamp: '2020-13-01T00:00:00' }, pointer: '/timestamp', code: 'invalid_format' },
    { more: { value: '142' }, pointer: '/value', code: 'wrong_type' },
    { more: { value: undefined }, pointer: '/value', code: 'missing_field' },
    { more: { host: 'a\0' }, pointer: '/host', code: 'contains_nul' },
  ])('T8: $pointer $code', async ({ more, pointer, code }) => {
    expect(await post(more)).toMatchObject(refusal(422, pointer, code));
  });

  test.each([
    { body: '[]', status: 400, code: 'invalid_request' },
    { body: '{', status: 400, code: 'invalid_json' },
    { body: '1e999', status: 400, code: 'invalid_request' },
  ])('a body that is no object: $code', async ({ body, status, code }) => {
    expect(await ingest.post('/api/track/', body)).toMatchObject({ status, body: { code } });
  });
});

describe('A11: POST /session and /session/refresh', () => {
  const cookieOf = ({ headers }: { headers: Headers }) => headers.get('set-cookie') ?? '';

  test('a session begins, and a browser takes it along', async () => {
    const answer = await ingest.post('/session', { userId: USER });
    const { activeSessionId } = answer.body;
    expect(answer).toMatchObject({ status: 201, body: { userId: USER, activeSessionId: expect.any(String) } });
    expect(cookieOf(answer)).toBe(`activeSessionId=${activeSessionId}; Path=/; HttpOnly; SameSite=Lax`);
    expect(uuidV7Time(activeSessionId)).toBeGreaterThan(Date.now() - 60_000);
    expect(await theEvent()).toMatchObject({ sessionId: activeSessionId, type: 'sessionStarted', userId: USER });
  });

  test.each([{ by: 'cookie' }, { by: 'body' }])('T2: a refresh continues the session in the $by', async ({ by }) => {
    const { body: first, headers } = await ingest.post('/session', { userId: USER });
    const cookie = String(headers.get('set-cookie')).split(';')[0] as string;
    const answer =
      by === 'cookie'
        ? await ingest.post('/session/refresh', { userId: USER }, { headers: { cookie: `other=1; ${cookie}` } })
        : await ingest.post('/session/refresh', { userId: USER, sessionId: first.activeSessionId });
    const { activeSessionId } = answer.body;
    expect(answer).toMatchObject({ status: 201, body: { userId: USER } });
    expect(activeSessionId).not.toBe(first.activeSessionId);
    expect(cookieOf(answer)).toContain(activeSessionId);
    const told = (await events()).map(({ sessionId, type, context }) => [sessionId, type, context]);
    expect(told).toContainEqual([first.activeSessionId, 'sessionEnded', { reason: 'refreshed' }]);
    expect(told).toContainEqual([activeSessionId, 'sessionStarted', { previousSessionId: first.activeSessionId }]);
  });

  test('a refresh without a session before it begins one', async () => {
    const headers = { cookie: `activeSessionId=${'x'.repeat(300)}` };
    const answer = await ingest.post('/session/refresh', { userId: USER }, { headers });
    expect(answer.status).toBe(201);
    expect(await theEvent()).toMatchObject({ sessionId: answer.body.activeSessionId, type: 'sessionStarted' });
  });

  test.each([
    { path: '/session', body: { userId: 'nobody' }, pointer: '/userId', code: 'invalid_format' },
    { path: '/session', body: {}, pointer: '/userId', code: 'missing_field' },
    { path: '/session/refresh', body: { userId: 7 }, pointer: '/userId', code: 'wrong_type' },
    {
      path: '/session/refresh',
      body: { userId: USER, sessionId: 'x'.repeat(257) },
      pointer: '/sessionId',
      code: 'invalid_format',
    },
  ])('T8: $path $pointer $code', async ({ path, body, pointer, code }) => {
    expect(await ingest.post(path, body)).toMatchObject(refusal(400, pointer, code));
    expect(await events()).toEqual([]);
  });
});

describe('A11: POST /track', () => {
  const body = { userId: USER, action: 'objectInView', origin: 'banner' };

  test.each([
    { action: 'pageVisit', place: { page: '/cart' } },
    { action: 'objectInView', place: { target: '/cart' } },
    { action: 'objectInteraction', place: { target: '/cart' } },
  ])('$action', async ({ action, place }) => {
    const answer = await ingest.post('/track', { userId: USER, action, origin: '/cart', sessionId: 's-1' });
    expect(answer).toMatchObject({ status: 202, body: { userId: USER, activeSessionId: 's-1' } });
    expect(await theEvent()).toEqual({
      eventId: expect.any(String),
      sessionId: 's-1',
      type: action,
      userId: USER,
      occurredAt: expect.any(String),
      ...place,
    });
  });

  test('the session: of the body, else of the cookie, else a day of the user', async () => {
    const cookie = 'activeSessionId=s%2D2';
    const sessionOf = async (more: object, headers = {}) =>
      (await ingest.post('/track', { ...body, ...more }, { headers })).body.activeSessionId;
    const today = new Date().toISOString().slice(0, 10);
    expect(await sessionOf({ sessionId: 's-1' }, { cookie })).toBe('s-1');
    expect(await sessionOf({}, { cookie })).toBe('s-2');
    expect(await sessionOf({ sessionId: null }, { cookie: 'activeSessionId=%E0%A4%A' })).toBe(
      `legacy-${uuidV8(USER, today)}`,
    );
  });

  test.each([
    { more: { action: 'dance' }, pointer: '/action', code: 'not_allowed' },
    { more: { action: undefined }, pointer: '/action', code: 'missing_field' },
    { more: { userId: '' }, pointer: '/userId', code: 'missing_field' },
    { more: { origin: 7 }, pointer: '/origin', code: 'wrong_type' },
    { more: { origin: 'x'.repeat(513) }, pointer: '/origin', code: 'too_long' },
    { more: { sessionId: 7 }, pointer: '/sessionId', code: 'wrong_type' },
    { more: { sessionId: 'x'.repeat(257) }, pointer: '/sessionId', code: 'too_long' },
  ])('T8: $pointer $code', async ({ more, pointer, code }) => {
    expect(await ingest.post('/track', { ...body, ...more })).toMatchObject(refusal(422, pointer, code));
    expect(await events()).toEqual([]);
  });
});

describe('A11: the forms are doors like the others', () => {
  test.each([{ path: '/analytics' }, { path: '/api/track/' }, { path: '/session' }, { path: '/track' }])(
    '$path: key, preflight, other methods, request id',
    async ({ path }) => {
      expect(await ingest.post(path, {}, { credential: null })).toMatchObject({ status: 401 });
      const preflight = await fetch(ingest.url + path, { method: 'OPTIONS', headers: { origin: 'https://a.example' } });
      expect(preflight.status).toBe(204);
      expect(preflight.headers.get('access-control-allow-credentials')).toBe('true');
      expect((await fetch(ingest.url + path, { method: 'DELETE' })).status).toBe(405);
      const { headers } = await ingest.post(path, {}, { headers: { 'x-request-id': 'r-1' } });
      expect(headers.get('x-request-id')).toBe('r-1');
    },
  );
});
