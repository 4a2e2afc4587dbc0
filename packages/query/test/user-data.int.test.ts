import { afterAll, beforeEach, describe, expect, test } from '@jest/globals';
import { formatWriteKey, type Scope, signAccessToken } from '@wayline/identity/verify';
import { app, eventAt, type QueryUnderTest, SECRET, SESSION_START, startQuery } from './query-under-test.ts';

const USER = 'u/1 ü'; // as it may well be: anything is an id
const PATH = `/v1/users/${encodeURIComponent(USER)}`;
const EXPORT = `${PATH}/export`;
const DOORS = [
  { method: 'GET', path: EXPORT },
  { method: 'DELETE', path: PATH },
];

let query: QueryUnderTest;
beforeEach(async () => {
  await query?.close();
  query = await startQuery();
}, 60_000);
afterAll(() => query?.close());

interface Asking {
  projectId?: number;
  scopes?: Scope[];
  /** In place of a token. null: none. */
  credential?: string | null;
}

async function ask(method: string, path: string, { projectId = 1, scopes = ['admin'], credential }: Asking = {}) {
  const claims = { projectId, subject: 'tester', scopes, expiresInSeconds: 60 };
  const token = credential === undefined ? await signAccessToken(claims, SECRET) : credential;
  const headers: Record<string, string> = token === null ? {} : { authorization: `Bearer ${token}` };
  const response = await fetch(query.url + path, { method, headers });
  return { status: response.status, headers: response.headers, text: await response.text() };
}

/** The lines of an export, read. */
async function exported(asking: Asking = {}): Promise<Record<string, unknown>[]> {
  const { status, text } = await ask('GET', EXPORT, asking);
  if (status !== 200) throw new Error(`${status} ${text}`);
  expect(text === '' || text.endsWith('\n')).toBe(true);
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));
}

async function erase(parameters = '', asking: Asking = {}) {
  const { status, text } = await ask('DELETE', PATH + parameters, asking);
  return { status, body: JSON.parse(text) };
}

const kindsOf = (lines: readonly Record<string, unknown>[]) => lines.map(({ kind }) => kind).sort();

/** Lines of an export of what `storeSome` stores. */
const STORED = 5;

/** Two events and a dead letter of the user, of which one event is in a session of somebody else, too. */
async function storeSome(projectId = 1): Promise<void> {
  await query.store(
    [
      eventAt(0, { userId: USER, sessionId: 'own', ...app('shop') }),
      eventAt(1, { anonymousId: USER, sessionId: 'shared' }),
      eventAt(2, { userId: 'u-2', sessionId: 'shared' }),
    ],
    { projectId },
  );
  const value = { userId: USER, colour: 'red' };
  await query.deadLetter({ code: 'unknown_field', detail: '/colour: no field' }, { projectId, value });
}

describe('T9: all that is stored of a user', () => {
  test('is exported as NDJSON: events as they are read elsewhere, sessions, and dead letters with their bytes', async () => {
    await storeSome();
    const { headers } = await ask('GET', EXPORT);
    expect([headers.get('content-type'), headers.get('cache-control')]).toEqual(['application/x-ndjson', 'no-store']);
    const lines = await exported();
    expect(kindsOf(lines)).toEqual(['deadLetter', 'event', 'event', 'session', 'session']);
    const { events } = await query.read('/v1/sessions/own/events');
    expect(lines).toContainEqual({ kind: 'event', ...events[0] });
    expect(lines).toContainEqual(
      expect.objectContaining({ kind: 'session', sessionId: 'own', userId: USER, eventCount: 1 }),
    );
    expect(lines).toContainEqual(
      expect.objectContaining({
        kind: 'deadLetter',
        reason: 'unknown_field',
        value: JSON.stringify({ userId: USER, colour: 'red' }),
      }),
    );
  });

  test('is erased, with a report; of somebody else nothing is, and a second time there is nothing left', async () => {
    await storeSome();
    expect(await erase()).toEqual({
      status: 200,
      body: {
        before: expect.stringMatching(/Z$/),
        events: 2,
        sessionsRemoved: 1,
        sessionsRecomputed: 1,
        deadLetters: 1,
        uniques: expect.any(Number),
      },
    });
    expect(await exported()).toEqual([]);
    expect((await query.read('/v1/sessions/shared/events')).events).toMatchObject([{ userId: 'u-2' }]);
    expect(await query.read('/v1/sessions/shared')).toMatchObject({ userId: 'u-2', eventCount: 1 });
    expect((await query.get('/v1/sessions/own')).status).toBe(404);
    expect((await erase()).body).toMatchObject({ events: 0, sessionsRemoved: 0, deadLetters: 0, uniques: 0 });
  });

  test('and was received before a time, is erased alone', async () => {
    const hour = 3_600_000;
    await query.store([eventAt(0, { userId: USER, sessionId: 'early' })], { receivedMs: SESSION_START });
    await query.store([eventAt(1, { userId: USER, sessionId: 'late' })], { receivedMs: SESSION_START + hour });
    const before = new Date(SESSION_START + hour).toISOString();
    expect(await erase(`?before=${before}`)).toMatchObject({ status: 200, body: { before, events: 1 } });
    expect((await exported()).map(({ kind, sessionId }) => [kind, sessionId])).toEqual([
      ['event', 'late'],
      ['session', 'late'],
    ]);
  });

  test('is nothing of one who was never seen: an empty export, and an erasure of nothing', async () => {
    expect(await exported()).toEqual([]);
    expect(await erase()).toMatchObject({ status: 200, body: { events: 0, sessionsRemoved: 0, deadLetters: 0 } });
  });
});

test('I5: another project’s user of the same id is neither exported nor erased', async () => {
  await storeSome(1);
  await storeSome(2);
  const theirs = await exported({ projectId: 2 });
  expect(theirs).toHaveLength(STORED);
  expect((await erase('', { projectId: 1 })).body).toMatchObject({ events: 2, deadLetters: 1 });
  expect(await exported({ projectId: 1 })).toEqual([]);
  expect(await exported({ projectId: 2 })).toEqual(theirs);
  expect((await erase('', { projectId: 3 })).body).toMatchObject({ events: 0, deadLetters: 0 });
  expect(await exported({ projectId: 2 })).toEqual(theirs);
});

describe('I1: who may not', () => {
  const key = formatWriteKey({ projectId: 1, keyId: 'k', allowImport: true }, SECRET);
  const refusals: { who: string; asking: Asking; status: number; code: string }[] = [
    { who: 'nobody', asking: { credential: null }, status: 401, code: 'unauthenticated' },
    { who: 'nonsense', asking: { credential: 'nonsense' }, status: 401, code: 'unauthenticated' },
    { who: 'a write key', asking: { credential: key }, status: 403, code: 'forbidden' },
    { who: 'all other scopes', asking: { scopes: ['read', 'write', 'aggregation'] }, status: 403, code: 'forbidden' },
  ];

  test.each(refusals)('$who is refused with $status, and nothing is erased', async ({ asking, status, code }) => {
    await storeSome();
    for (const { method, path } of DOORS) {
      const answer = await ask(method, path, asking);
      expect([answer.status, JSON.parse(answer.text).code]).toEqual([status, code]);
      expect(answer.text).not.toContain(USER);
    }
    expect(await exported()).toHaveLength(STORED);
  });
});

describe('a request that is wrong', () => {
  const ahead = new Date(Date.now() + 60_000).toISOString();
  test.each([
    { method: 'DELETE', path: `${PATH}?before=yesterday`, what: '`before`' },
    { method: 'DELETE', path: `${PATH}?before=${ahead}`, what: '`before` must not lie ahead' },
    { method: 'DELETE', path: `${PATH}?bevor=2026-01-01T00:00:00Z`, what: '`bevor`' },
    { method: 'GET', path: `${EXPORT}?before=2026-01-01T00:00:00Z`, what: '`before`' },
    { method: 'DELETE', path: '/v1/users/a%00b', what: '`id`' },
    { method: 'GET', path: '/v1/users/a%00b/export', what: '`id`' },
  ])('$method $path is refused, naming $what, and nothing is erased', async ({ method, path, what }) => {
    await storeSome();
    const { status, headers, text } = await ask(method, path);
    expect(status).toBe(400);
    expect(headers.get('content-type')).toBe('application/problem+json');
    expect(JSON.parse(text)).toMatchObject({ code: 'invalid_request', detail: expect.stringContaining(what) });
    expect(await exported()).toHaveLength(STORED);
    expect(query.faults).toEqual([]);
  });
});
