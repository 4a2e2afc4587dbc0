import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { TOPICS } from '@wayline/contracts';
import { formatWriteKey, signAccessToken } from '@wayline/identity/verify';
import { createPool } from '@wayline/store';
import { eventAt, type QueryUnderTest, SECRET, SESSION_START, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery();
});
afterAll(() => query.close());
beforeEach(() => query.pool.query('DELETE FROM dead_letters'));

const HOUR = 3_600_000;
const iso = (ms: number): string => new Date(SESSION_START + ms).toISOString();
const admin = { scopes: ['admin' as const] };
const stranger = { projectId: 2, ...admin };
const read = (path: string) => query.read(path, admin);
const idsOf = async (filter: string): Promise<string[]> =>
  (await read(`/v1/dead-letters${filter}`)).deadLetters.map(({ id }: { id: string }) => id);
const KEY = formatWriteKey({ projectId: 1, keyId: 'k1', allowImport: false }, SECRET);

const typo = (sessionId: string) => ({ code: 'unknown_field', detail: '/colour: no field', sessionId });

describe('T8, O9: the list of dead letters', () => {
  test('tells of each why, when, and where in the log it stood; the newest first', async () => {
    const first = await query.deadLetter(typo('s-1'), { logMs: SESSION_START });
    const eventId = '00000000-0000-4000-8000-000000000001';
    const second = await query.deadLetter(
      { code: 'unreadable', detail: 'the value is not JSON', eventId },
      { logMs: SESSION_START + 5, topic: TOPICS.direct },
    );
    const { deadLetters, nextCursor, completeThrough } = await read('/v1/dead-letters');
    expect(deadLetters).toEqual([
      {
        id: second,
        state: 'open',
        code: 'unreadable',
        detail: 'the value is not JSON',
        cause: expect.stringMatching(/^[0-9a-f]{12}$/),
        eventId,
        sessionId: null,
        logId: query.log.id,
        topic: TOPICS.direct,
        partition: 0,
        offset: expect.any(Number),
        logTime: iso(5),
        createdAt: expect.stringMatching(/Z$/),
        replayedAt: null,
        discardedAt: null,
      },
      expect.objectContaining({ id: first, sessionId: 's-1', logTime: iso(0) }),
    ]);
    expect({ nextCursor, completeThrough }).toEqual({ nextCursor: null, completeThrough: expect.stringMatching(/Z$/) });
  });

  test('is filtered by code, topic, cause, session, log time and state', async () => {
    const a = await query.deadLetter(typo('s-1'), { logMs: SESSION_START });
    const b = await query.deadLetter(typo('s-2'), { logMs: SESSION_START + HOUR });
    const c = await query.deadLetter(
      { code: 'empty', detail: 'x' },
      { topic: TOPICS.direct, logMs: SESSION_START + 2 * HOUR },
    );
    await query.post(`/v1/dead-letters/${b}/discard`);
    await query.pool.query('UPDATE dead_letters SET replayed_at = now() WHERE id = $1', [c]);
    const cause = (await read(`/v1/dead-letters/${a}`)).cause;
    expect(await idsOf('?code=empty')).toEqual([c]);
    expect(await idsOf(`?topic=${TOPICS.direct}`)).toEqual([c]);
    expect(await idsOf(`?cause=${cause}`)).toEqual([b, a]);
    expect(await idsOf('?sessionId=s-1')).toEqual([a]);
    expect(await idsOf(`?from=${iso(HOUR)}`)).toEqual([c, b]);
    expect(await idsOf(`?from=${iso(HOUR)}&to=${iso(2 * HOUR)}`)).toEqual([b]);
    expect(await idsOf('?state=open')).toEqual([a]);
    expect(await idsOf('?state=discarded')).toEqual([b]);
    expect(await idsOf('?state=replayed')).toEqual([c]);
    expect(await idsOf(`?state=open&code=empty`)).toEqual([]);
    expect(await idsOf('')).toEqual([c, b, a]);
  });

  test('is read in pages, whatever is put aside meanwhile', async () => {
    const made: string[] = [];
    for (let i = 0; i < 5; i++) made.push(await query.deadLetter(typo(`s-${i}`)));
    const seen: string[] = [];
    let cursor = '';
    do {
      const page = await read(`/v1/dead-letters?limit=2${cursor && `&cursor=${cursor}`}`);
      seen.push(...page.deadLetters.map(({ id }: { id: string }) => id));
      cursor = page.nextCursor;
      await query.deadLetter(typo('later'));
    } while (cursor);
    expect(seen).toEqual(made.reverse());
  });

  test('refuses the cursor of another list, and what it does not know', async () => {
    await query.deadLetter(typo('s-1'));
    await query.deadLetter(typo('s-1'));
    const { nextCursor } = await read('/v1/dead-letters?limit=1');
    for (const [path, code] of [
      [`?code=empty&cursor=${nextCursor}`, 'invalid_cursor'],
      ['?limit=1001', 'invalid_request'],
      ['?state=new', 'invalid_request'],
      ['?session=s-1', 'invalid_request'],
    ]) {
      expect(await query.get(`/v1/dead-letters${path}`, admin)).toMatchObject({ status: 400, body: { code } });
    }
  });
});

describe('T8: causes', () => {
  test('count what has one code, and a detail that differs in names, numbers and times only', async () => {
    const late = (at: string) => ({
      code: 'time_too_old',
      detail: `/occurredAt: corrected to ${at}, before 2026-08-22T12:00:00.000Z, the earliest that this key may write`,
    });
    await query.deadLetter(late('2020-01-01T00:00:00.000Z'), { logMs: SESSION_START });
    await query.deadLetter(late('2021-12-31T23:59:59.999Z'), { logMs: SESSION_START + 7 });
    const newest = await query.deadLetter(late('2019-01-01T00:00:00.000Z'), { logMs: SESSION_START + 3 });
    await query.post(`/v1/dead-letters/${newest}/discard`);
    for (const text of ['{"a"', 'rub"bish']) {
      const broken = (() => {
        try {
          return JSON.parse(text) as never;
        } catch (error) {
          return (error as Error).message;
        }
      })();
      await query.deadLetter({ code: 'unreadable', detail: `the value is not JSON: ${broken}` });
    }
    await query.deadLetter({ code: 'unreadable', detail: 'the value is not UTF-8' });
    const { causes } = await read('/v1/dead-letters/causes');
    expect(causes).toHaveLength(4);
    expect(causes[0]).toEqual({
      cause: expect.stringMatching(/^[0-9a-f]{12}$/),
      code: 'time_too_old',
      detail: '/occurredAt: corrected to N, before N, the earliest that this key may write',
      count: 3,
      open: 2,
      firstAt: iso(0),
      lastAt: iso(7),
      exampleId: newest,
    });
    expect(await idsOf(`?cause=${causes[0].cause}`)).toHaveLength(3);
    expect(await read('/v1/dead-letters/causes?code=unreadable&limit=1')).toMatchObject({
      causes: [{ count: 1 }],
      truncated: true,
    });
  });

  test.each([
    ['of JSON.parse', 'Unexpected token \'r\', "rub"bish" is not valid JSON', '…'],
    ['with numbers', 'row size 18032 exceeds maximum 2704 for "events_pkey"', 'row size N exceeds maximum N for …'],
    ['with ids', 'must not be 01890a5d-ac96-774b-bcce-b302099a8057', 'must not be …'],
    ['of an encoding', 'the value is not UTF-8', 'the value is not UTF-8'],
    ['with a pointer', '/context/items/17/name: must be a text', '/context/items/N/name: must be a text'],
  ])('a detail %s', async (_what, detail, shared) => {
    await query.deadLetter({ code: 'unreadable', detail });
    expect((await read('/v1/dead-letters/causes')).causes).toMatchObject([{ detail: shared }]);
  });
});

describe('T8: one dead letter', () => {
  test('is shown with its bytes as text, its headers without the secret of the key, and the event in it', async () => {
    const event = { sessionId: 's-1', type: 'x', colour: 'red' };
    const id = await query.deadLetter(typo('s-1'), {
      topic: TOPICS.direct,
      value: event,
      headers: { 'wayline-key': KEY, traceparent: 'tp', other: `Bearer ${KEY}` },
    });
    const { status, body, text } = await query.get(`/v1/dead-letters/${id}`, admin);
    expect([status, body]).toMatchObject([
      200,
      {
        id,
        code: 'unknown_field',
        topic: TOPICS.direct,
        record: {
          key: { bytes: 3, text: 's-1' },
          value: { bytes: JSON.stringify(event).length, text: JSON.stringify(event) },
          headers: { 'wayline-key': 'wlk_1_k1_w_…', traceparent: 'tp', other: 'Bearer wlk_1_k1_w_…' },
        },
        event,
        replay: null,
      },
    ]);
    expect(text).not.toContain(KEY.split('_').at(-1));
  });

  test('is shown in base64 where its bytes are no text, and without an event where there is none', async () => {
    const value = Buffer.from([0xff, 0x00, 0x22]);
    const id = await query.deadLetter(
      { code: 'unreadable', detail: 'x' },
      { value, headers: { 'wayline-key': 'not a key at all' } },
    );
    expect(await read(`/v1/dead-letters/${id}`)).toMatchObject({
      record: { key: null, value: { bytes: 3, base64: '/wAi' }, headers: { 'wayline-key': '…' } },
      event: null,
    });
  });

  test('of what was acknowledged at the door the event is shown without its envelope', async () => {
    const event = eventAt(0);
    const id = await query.deadLetter(
      { code: 'unstorable', detail: 'x' },
      { topic: TOPICS.events, value: { project: 1, receivedAt: SESSION_START, event } },
    );
    expect((await read(`/v1/dead-letters/${id}`)).event).toEqual(event);
  });

  test('that there is not is 404', async () => {
    for (const id of ['999999', '0', 'x', '99999999999999999999']) {
      expect(await query.get(`/v1/dead-letters/${id}`, admin)).toMatchObject({
        status: 404,
        body: { code: 'not_found' },
      });
    }
  });
});

describe('T8: discarding', () => {
  test('marks one, and says so the second time; T11: its fate tells it', async () => {
    const eventId = '00000000-0000-4000-8000-0000000000d1';
    const id = await query.deadLetter({ ...typo('s-1'), eventId });
    expect((await query.post(`/v1/dead-letters/${id}/discard`)).body).toEqual({ id, outcome: 'discarded' });
    expect((await query.post(`/v1/dead-letters/${id}/discard`)).body).toEqual({ id, outcome: 'already-discarded' });
    expect(await read(`/v1/dead-letters/${id}`)).toMatchObject({
      state: 'discarded',
      record: { value: { text: '?' } },
    });
    expect(await query.read(`/v1/events/${eventId}`)).toMatchObject({
      fate: 'dead-lettered',
      deadLetter: id,
      discardedAt: expect.stringMatching(/Z$/),
    });
  });

  test('marks those that a filter selects, as many as are asked for at a time', async () => {
    const kept = await query.deadLetter({ code: 'empty', detail: 'x' });
    for (let i = 0; i < 3; i++) await query.deadLetter(typo('s-1'));
    const path = '/v1/dead-letters/discard?code=unknown_field&limit=2';
    expect((await query.post(path)).body).toEqual({ discarded: 2, more: true });
    expect((await query.post(path)).body).toEqual({ discarded: 1, more: false });
    expect(await idsOf('?state=open')).toEqual([kept]);
    expect(await query.post('/v1/dead-letters/discard?state=replayed')).toMatchObject({ status: 400 });
  });

  test('leaves alone what was replayed, or is being', async () => {
    const done = await query.deadLetter(typo('s-1'));
    const begun = await query.deadLetter(typo('s-1'));
    await query.pool.query(`UPDATE dead_letters SET replay_value = '{}'`);
    await query.pool.query('UPDATE dead_letters SET replayed_at = now() WHERE id = $1', [done]);
    expect((await query.post(`/v1/dead-letters/${done}/discard`)).body.outcome).toBe('already-replayed');
    expect((await query.post(`/v1/dead-letters/${begun}/discard`)).body.outcome).toBe('already-replaying');
    expect((await query.post('/v1/dead-letters/discard')).body).toEqual({ discarded: 0, more: false });
  });
});

describe('I1, I5: dead letters are for the admins of their own project', () => {
  const paths = (id: string) => ({
    get: ['/v1/dead-letters', '/v1/dead-letters/causes', `/v1/dead-letters/${id}`],
    post: [
      '/v1/dead-letters/replay',
      '/v1/dead-letters/discard',
      `/v1/dead-letters/${id}/replay`,
      `/v1/dead-letters/${id}/discard`,
    ],
  });

  test('nobody else gets anything', async () => {
    const { get, post } = paths(await query.deadLetter(typo('s-1')));
    const without = { scopes: ['read', 'write', 'aggregation'] as const };
    for (const asking of [{ credential: null }, { scopes: [...without.scopes] }, { credential: KEY }]) {
      const status = asking.credential === null ? 401 : 403;
      for (const path of get) expect([path, (await query.get(path, asking)).status]).toEqual([path, status]);
      for (const path of post) expect([path, (await query.post(path, {}, asking)).status]).toEqual([path, status]);
    }
    for (const path of post) expect([path, (await query.get(path, admin)).status]).not.toEqual([path, 200]);
  });

  test('of another project, and of none, nothing is listed, counted, shown, replayed or discarded', async () => {
    const value = { sessionId: 's-1', type: 'x' };
    const record = { topic: TOPICS.direct, value, headers: { 'wayline-key': KEY } };
    const own = await query.deadLetter(typo('s-1'), record);
    await query.deadLetter({ code: 'missing_key', detail: 'x' }, { projectId: 0, value: 'nobody can tell whose' });
    expect(await query.read('/v1/dead-letters', stranger)).toMatchObject({ deadLetters: [] });
    expect(await query.read('/v1/dead-letters/causes', stranger)).toMatchObject({ causes: [] });
    expect(await idsOf('')).toEqual([own]);
    expect((await read('/v1/dead-letters/causes')).causes).toHaveLength(1);
    expect((await query.get(`/v1/dead-letters/${own}`, stranger)).status).toBe(404);
    expect((await query.post(`/v1/dead-letters/${own}/replay`, {}, stranger)).status).toBe(404);
    expect((await query.post(`/v1/dead-letters/${own}/discard`, {}, stranger)).status).toBe(404);
    expect((await query.post('/v1/dead-letters/replay', {}, stranger)).body.results).toEqual([]);
    expect((await query.post('/v1/dead-letters/discard', {}, stranger)).body.discarded).toBe(0);
    const nobodys = String(Number(own) + 1);
    for (const asking of [admin, stranger]) {
      expect((await query.get(`/v1/dead-letters/${nobodys}`, asking)).status).toBe(404);
    }
    expect(await read(`/v1/dead-letters/${own}`)).toMatchObject({ state: 'open', replay: null });
  });

  test('a cursor of one project is no cursor of another', async () => {
    for (const projectId of [1, 1, 2, 2]) await query.deadLetter(typo('s-1'), { projectId });
    const { nextCursor } = await read('/v1/dead-letters?limit=1');
    expect(await query.get(`/v1/dead-letters?limit=1&cursor=${nextCursor}`, stranger)).toMatchObject({ status: 400 });
  });
});

describe('a request that is wrong changes nothing', () => {
  test.each([
    ['a typo in the body', { dryrun: true }, 'invalid_request', 400],
    ['a text for a flag', { dryRun: 'yes' }, 'invalid_request', 400],
    ['a list', [], 'invalid_request', 400],
  ])('%s', async (_what, body, code, status) => {
    const id = await query.deadLetter(typo('s-1'), { topic: TOPICS.direct, value: { sessionId: 's', type: 't' } });
    for (const path of ['/v1/dead-letters/replay', `/v1/dead-letters/${id}/replay`]) {
      expect(await query.post(path, body)).toMatchObject({ status, body: { code } });
    }
    expect(await read(`/v1/dead-letters/${id}`)).toMatchObject({ state: 'open' });
  });

  test.each([
    { body: '{', type: 'application/json', status: 400, code: 'invalid_json' },
    { body: '{}', type: 'text/plain', status: 415, code: 'unsupported_media_type' },
    { body: 'x'.repeat(1024 * 1024 + 1), type: 'application/json', status: 413, code: 'body_too_large' },
  ])('a body of $type that is answered $code', async ({ body, type, status, code }) => {
    const claims = { projectId: 1, subject: 'tester', scopes: ['admin' as const], expiresInSeconds: 60 };
    const authorization = `Bearer ${await signAccessToken(claims, SECRET)}`;
    const headers = { authorization, 'content-type': type };
    const response = await fetch(`${query.url}/v1/dead-letters/replay`, { method: 'POST', body, headers });
    expect([response.status, await response.json()]).toMatchObject([status, { code }]);
  });

  test('O5: what a body took is given back, however many come one after the other', async () => {
    const claims = { projectId: 1, subject: 'tester', scopes: ['admin' as const], expiresInSeconds: 60 };
    const authorization = `Bearer ${await signAccessToken(claims, SECRET)}`;
    const headers = { authorization, 'content-type': 'application/json' };
    const body = `{"dryRun": true${' '.repeat(1_000_000)}}`;
    for (let times = 0; times < 12; times++) {
      const response = await fetch(`${query.url}/v1/dead-letters/replay`, { method: 'POST', body, headers });
      expect(await response.json()).toMatchObject({ nextCursor: null });
    }
  });

  test('in a database that is only read, 503 says where to ask', async () => {
    const id = await query.deadLetter(typo('s-1'));
    const url = new URL(query.databaseUrl);
    url.searchParams.set('options', '-c default_transaction_read_only=on');
    const pool = createPool({ url: url.href, max: 1, applicationName: 'test' });
    const replica = await startQuery({ pool });
    try {
      expect(await replica.get(`/v1/dead-letters/${id}`, admin)).toMatchObject({ status: 200 });
      expect(await replica.post(`/v1/dead-letters/${id}/discard`)).toMatchObject({
        status: 503,
        body: { code: 'database_unavailable', detail: expect.stringContaining('replica') },
      });
    } finally {
      await replica.close();
      await pool.end();
    }
  });
});
