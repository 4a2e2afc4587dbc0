import { randomUUID } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals';
import { type CallerSettings, emptySettings } from '@wayline/settings';
import { accessToken, type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';

let ingest: IngestUnderTest;
let rules: CallerSettings;
beforeEach(async () => {
  rules = { rates: {} };
  ingest = await startIngest({ settings: { ...emptySettings(), key: () => rules, project: () => rules } });
});
afterEach(async () => {
  await ingest.close();
});

const event = (more: object = {}) => ({ eventId: randomUUID(), sessionId: 's-1', type: 'click', ...more });
const events = (count: number) => Array.from({ length: count }, () => event());
const stored = async () => (await ingest.records()).length;

describe('I7: limits of a key', () => {
  test('requests: 429 with the seconds to wait, and what is left is told with every answer', async () => {
    rules = { rates: { requestsPerSecond: 0.01 } };
    const first = await ingest.post('/v1/events', event());
    expect(first.status).toBe(202);
    expect(first.headers.get('ratelimit-policy')).toBe('"requests";q=1;w=1');
    expect(first.headers.get('ratelimit')).toMatch(/^"requests";r=0;t=(99|100)$/);
    const second = await ingest.post('/v1/events', event());
    expect(second).toMatchObject({ status: 429, body: { code: 'rate_limited', retryable: true } });
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(90);
    expect(second.headers.get('ratelimit')).toMatch(/^"requests";r=0;t=/);
    expect(await stored()).toBe(1);
  });

  test('events: a batch may go beyond what is left, and the debt is waited off', async () => {
    rules = { rates: { eventsPerSecond: 10 } };
    const first = await ingest.post('/v1/events', events(500));
    expect(first.status).toBe(202);
    expect(first.headers.get('ratelimit')).toMatch(/^"events";r=0;t=50$/);
    const second = await ingest.post('/v1/events', event());
    expect(second.status).toBe(429);
    expect(Number(second.headers.get('retry-after'))).toBeGreaterThan(45);
    expect(await stored()).toBe(500);
  });

  test('hold on every door that writes, and another caller is not held up', async () => {
    rules = { rates: { requestsPerSecond: 0.01 } };
    expect((await ingest.post('/v1/sessions', {})).status).toBe(201);
    expect((await ingest.post('/v1/sessions/s-1/end', {})).status).toBe(429);
    expect((await ingest.post('/v1/sessions/s-1/events', event())).status).toBe(429);
    const others = [writeKey({ projectId: 2 }), await accessToken(['write'])];
    for (const credential of others)
      expect((await ingest.post('/v1/events', event(), { credential })).status).toBe(202);
  });

  test('a request that was refused for its key, or its body, does not change what another may send', async () => {
    rules = { rates: { eventsPerSecond: 10 } };
    await ingest.post('/v1/events', events(100), { credential: writeKey().replace(/.$/, 'x') });
    expect((await ingest.post('/v1/events', '{')).status).toBe(400);
    expect((await ingest.post('/v1/events', event())).headers.get('ratelimit')).toMatch(/^"events";r=9;t=1$/);
  });

  test('without a limit nothing is told of one', async () => {
    const { headers } = await ingest.post('/v1/events', event());
    expect([headers.get('ratelimit'), headers.get('ratelimit-policy')]).toEqual([null, null]);
  });

  test('body size: 413 beyond what the key may send, before it is read', async () => {
    rules = { rates: {}, bodyBytes: 1000 };
    expect((await ingest.post('/v1/events', event())).status).toBe(202);
    const large = await ingest.post('/v1/events', event({ target: 'x'.repeat(500), page: 'x'.repeat(500) }));
    expect(large).toMatchObject({ status: 413, body: { code: 'body_too_large' } });
    expect(large.body.detail).toContain('1000 bytes');
  });
});

describe('I2, I6: what is set for a key', () => {
  test('a revoked key is refused on every door, and nothing of it is logged', async () => {
    rules = { rates: {}, refused: 'revoked' };
    for (const path of ['/v1/events', '/v1/sessions', '/v1/sessions/s-1/refresh', '/v1/sessions/s-1/events']) {
      const answer = await ingest.post(path, path.endsWith('events') ? event() : {});
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated', retryable: false } });
      expect(answer.body.detail).toContain('revoked');
    }
    expect(await stored()).toBe(0);
  });

  test('a closed project is refused, whoever asks', async () => {
    rules = { rates: {}, refused: 'disabled' };
    const credential = await accessToken(['write']);
    expect(await ingest.post('/v1/events', event(), { credential })).toMatchObject({ status: 403 });
  });

  test.each([
    ['https://shop.example', 202],
    ['https://eu.shop.example', 202],
    ['https://a.eu.shop.example', 202],
    ['https://evil.example', 403],
    ['http://shop.example', 403],
    ['http://eu.shop.example', 403],
    ['https://shop.example.evil.example', 403],
    ['https://evilshop.example', 403],
    ['https://.shop.example', 403],
    ['null', 403],
    [null, 202],
  ])('a page of %s: %i', async (origin, status) => {
    rules = { rates: {}, origins: ['https://shop.example', 'https://*.shop.example'] };
    const answer = await ingest.post('/v1/events', event(), { headers: { origin } });
    expect(answer.status).toBe(status);
    if (status === 403) expect(answer.body.code).toBe('origin_not_allowed');
    expect(await stored()).toBe(status === 202 ? 1 : 0);
  });

  test('how far back a key may write follows its project', async () => {
    const daysAgo = (days: number) => new Date(Date.now() - days * 86_400_000).toISOString();
    const old = event({ occurredAt: daysAgo(20) });
    rules = { rates: {}, pastDays: 10 };
    expect((await ingest.post('/v1/events', old)).body.errors[0].code).toBe('time_too_old');
    rules = { rates: {}, pastDays: 30 };
    expect((await ingest.post('/v1/events', old)).status).toBe(202);
    rules = { rates: {}, retentionDays: 10 };
    const credential = writeKey({ allowImport: true });
    expect((await ingest.post('/v1/events', old, { credential })).body.errors[0].code).toBe('time_too_old');
    rules = { rates: {}, retentionDays: 30 };
    expect((await ingest.post('/v1/events', old, { credential })).status).toBe(202);
  });
});

describe('pages', () => {
  const preflight = (path: string, origin = 'https://shop.example') =>
    fetch(ingest.url + path, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'authorization' },
    });

  test.each(['/v1/events', '/v1/sessions', '/v1/sessions/s/end'])(
    'may ask whether they may write to %s',
    async (path) => {
      const response = await preflight(path);
      expect(response.status).toBe(204);
      expect(response.headers.get('access-control-allow-origin')).toBe('https://shop.example');
      expect(response.headers.get('access-control-allow-methods')).toBe('POST');
      expect(response.headers.get('access-control-allow-headers')).toContain('Authorization');
    },
  );

  test('may read every answer, refusals too', async () => {
    for (const [body, credential] of [
      [event(), undefined],
      ['{', undefined],
      [event(), null],
    ] as const) {
      const { headers } = await ingest.post('/v1/events', body, {
        credential,
        headers: { origin: 'https://a.example' },
      });
      expect(headers.get('access-control-allow-origin')).toBe('https://a.example');
      expect(headers.get('access-control-expose-headers')).toContain('X-Request-Id');
      expect(headers.get('vary')).toBe('Origin');
    }
    expect((await ingest.post('/v1/events', event())).headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('O7: from request to record', () => {
  const traceparent = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';
  const headersOfLast = async () =>
    Object.fromEntries(Object.entries((await ingest.records()).at(-1)?.headers ?? {}).map(([k, v]) => [k, String(v)]));

  test('the request id is taken or made, returned, and kept with every record', async () => {
    const given = await ingest.post('/v1/events', events(3), { headers: { 'x-request-id': 'req-7' } });
    expect(given.headers.get('x-request-id')).toBe('req-7');
    const made = await ingest.post('/v1/sessions', {});
    const id = made.headers.get('x-request-id');
    expect(id).toMatch(/^[\w-]{12}\.[0-9a-z]+$/);
    const ids = (await ingest.records()).map(({ headers }) => String(headers['wayline-request-id']));
    expect(ids.sort()).toEqual(['req-7', 'req-7', 'req-7', id].sort());
  });

  test('issue 4.8: the request id is logged with what became of the request, and no key with it', async () => {
    const ask = (id: string, body: unknown) =>
      ingest.post(`/v1/events?key=${writeKey()}`, body, { credential: null, headers: { 'x-request-id': id } });
    await ask('req-8', events(3));
    await ask('req-9', '{');
    expect(ingest.told).toEqual([
      { requestId: 'req-8', path: '/v1/events', status: 202, records: 3, message: 'acknowledged' },
      expect.objectContaining({ requestId: 'req-9', status: 400, code: 'invalid_json', path: '/v1/events' }),
    ]);
    expect(JSON.stringify(ingest.told)).not.toContain(writeKey());
  });

  test('the trace of the caller is carried on', async () => {
    await ingest.post('/v1/events', event(), { headers: { traceparent, tracestate: 'a=1,b=2', 'x-request-id': 'r' } });
    expect(await headersOfLast()).toEqual({ 'wayline-request-id': 'r', traceparent, tracestate: 'a=1,b=2' });
  });

  test.each([
    ['no version', traceparent.slice(3)],
    ['version ff', `ff${traceparent.slice(2)}`],
    ['a trace id of zeros', `00-${'0'.repeat(32)}-b7ad6b7169203331-01`],
    ['a parent of zeros', `00-0af7651916cd43dd8448eb211c80319c-${'0'.repeat(16)}-01`],
    ['capitals', traceparent.toUpperCase()],
    ['too long', `${traceparent}-${'x'.repeat(500)}`],
  ])('what is no traceparent is left out, and refuses nothing: %s', async (_, wrong) => {
    const answer = await ingest.post('/v1/events', event(), { headers: { traceparent: wrong, tracestate: 'a=1' } });
    expect(answer.status).toBe(202);
    expect(Object.keys(await headersOfLast())).toEqual(['wayline-request-id']);
  });
});
