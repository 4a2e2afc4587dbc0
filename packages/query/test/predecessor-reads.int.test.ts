import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { formatWriteKey, type Scope, signAccessToken } from '@wayline/identity/verify';
import { eventAt, type QueryUnderTest, SECRET, SESSION_START, startQuery } from './query-under-test.ts';

const HOUR = 3_600_000;
const TEXT = 'unique_users,3\nclicks,2\nimpressions,5\n';
const COUNTS = { uniqueUsers: 3, clicks: 2, impressions: 5 };

let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery();
  const of = (count: number, type: string) =>
    Array.from({ length: count }, (_, i) => eventAt(i * 1000, { type, userId: `u-${i % 3}` }));
  await query.store([...of(2, 'click'), ...of(5, 'impression'), eventAt(7, { userId: 'u-1' })]);
  await query.store([eventAt(HOUR, { type: 'click', userId: 'u-9' }), eventAt(-1, { type: 'click', userId: 'u-8' })]);
  await query.store([eventAt(0, { type: 'click', userId: 'u-1' })], { projectId: 2 });
}, 60_000);
afterAll(() => query?.close());

interface Asking {
  method?: string;
  accept?: string;
  projectId?: number;
  scopes?: Scope[];
  /** In place of a token. null: none. */
  credential?: string | null;
}

async function ask(path: string, asking: Asking = {}) {
  const { method = 'GET', accept, projectId = 1, scopes = ['aggregation'], credential } = asking;
  const claims = { projectId, subject: 'tester', scopes, expiresInSeconds: 60 };
  const token = credential === undefined ? await signAccessToken(claims, SECRET) : credential;
  const headers = {
    ...(token !== null && { authorization: `Bearer ${token}` }),
    // fetch would say */*, which is as good as nothing
    ...(accept !== undefined && { accept }),
  };
  const response = await fetch(query.url + path, { method, headers });
  const type = response.headers.get('content-type')?.split(';')[0];
  return { status: response.status, type, text: await response.text(), headers: response.headers };
}

const at = (timestamp: string | number) => `/analytics?timestamp=${encodeURIComponent(timestamp)}`;

describe('A11: GET /analytics', () => {
  test.each([
    { given: 'seconds', timestamp: SESSION_START / 1000 },
    { given: 'a fraction of seconds', timestamp: SESSION_START / 1000 + 0.5 },
    { given: 'milliseconds', timestamp: SESSION_START },
    { given: 'the last millisecond of the hour', timestamp: SESSION_START + HOUR - 1 },
    { given: 'RFC 3339', timestamp: '2026-11-20T14:30:00+02:00' },
    { given: 'without a zone, which is UTC', timestamp: '2026-11-20T12:30:00' },
  ])('A11: the hour of $given, as lines of text', async ({ timestamp }) => {
    expect(await ask(at(timestamp))).toMatchObject({ status: 200, type: 'text/plain', text: TEXT });
  });

  test('A11: an hour without events counts nothing', async () => {
    expect((await ask(at(1))).text).toBe('unique_users,0\nclicks,0\nimpressions,0\n');
    expect(JSON.parse((await ask(at(1), { accept: 'application/json' })).text)).toEqual({
      uniqueUsers: 0,
      clicks: 0,
      impressions: 0,
    });
  });

  test.each([
    { accept: undefined, type: 'text/plain' },
    { accept: '*/*', type: 'text/plain' },
    { accept: 'text/*', type: 'text/plain' },
    { accept: 'image/png', type: 'text/plain' },
    { accept: 'application/json', type: 'application/json' },
    { accept: 'application/*', type: 'application/json' },
    { accept: 'application/json, text/plain, */*', type: 'application/json' },
    { accept: 'text/plain;q=0.5, application/json;q=0.9', type: 'application/json' },
    { accept: 'application/json;q=0.5, text/plain;q=0.9', type: 'text/plain' },
    { accept: 'application/json;q=0, */*', type: 'text/plain' },
    { accept: 'text/plain;q=0, */*', type: 'application/json' },
  ])('A11: Accept $accept is answered with $type', async ({ accept, type }) => {
    const answer = await ask(at(SESSION_START), { accept });
    expect(answer).toMatchObject({ status: 200, type });
    expect(answer.headers.get('vary')).toContain('Accept');
    if (type === 'text/plain') expect(answer.text).toBe(TEXT);
    else expect(JSON.parse(answer.text)).toEqual(COUNTS);
  });

  test.each([
    { path: '/analytics', detail: '`timestamp` is needed' },
    { path: at('noon'), detail: '`timestamp` must be epoch seconds or milliseconds, or an RFC 3339 time' },
    { path: `${at(1)}&timestamp=2`, detail: '`timestamp` must be given once' },
    { path: `${at(1)}&event=click`, detail: 'it has: timestamp' },
  ])('A11: what is wrong is a problem of 400: $path', async ({ path, detail }) => {
    const { status, type, text } = await ask(path);
    expect({ status, type }).toEqual({ status: 400, type: 'application/problem+json' });
    expect(JSON.parse(text)).toMatchObject({ code: 'invalid_request', detail: expect.stringContaining(detail) });
  });
});

test('A12: a header says how complete the answer is', async () => {
  for (const path of [at(SESSION_START), '/metrics/history']) {
    const { headers } = await ask(path);
    expect(headers.get('wayline-complete-through')).toMatch(/^20\d\d-\d\d-\d\dT/);
  }
});

const PATHS = [at(SESSION_START), '/metrics/latest', '/metrics/history'];

test.each(PATHS)('A11, I1: reading %s needs a token with the scope aggregation', async (path) => {
  const key = formatWriteKey({ projectId: 1, keyId: 'k', allowImport: true }, SECRET);
  expect((await ask(path, { credential: null })).status).toBe(401);
  expect((await ask(path, { credential: key })).status).toBe(403);
  expect((await ask(path, { scopes: ['read', 'write', 'admin'] })).status).toBe(403);
  const sign = path.includes('?') ? '&' : '?';
  expect((await ask(`${path}${sign}key=${key}`, { credential: null })).status).toBe(401);
});

test.each(PATHS)('A11: what %s answers is not to be kept by caches', async (path) => {
  expect((await ask(path)).headers.get('cache-control')).toBe('no-store');
});

test('A11, I5: nothing of another project is counted', async () => {
  expect((await ask(at(SESSION_START), { projectId: 2 })).text).toBe('unique_users,1\nclicks,1\nimpressions,0\n');
  expect((await ask(at(SESSION_START), { projectId: 3 })).text).toBe('unique_users,0\nclicks,0\nimpressions,0\n');
});

test.each(PATHS)('A11: %s is served by GET and HEAD alone, where there is no ingest', async (path) => {
  for (const method of ['POST', 'PUT', 'DELETE', 'OPTIONS']) {
    const { status, headers } = await ask(path, { method });
    expect({ method, status, allow: headers.get('allow') }).toEqual({ method, status: 405, allow: 'GET, HEAD' });
  }
  expect((await ask(path, { method: 'HEAD' })).text).toBe('');
});
