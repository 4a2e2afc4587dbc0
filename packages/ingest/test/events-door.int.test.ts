import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { accessToken, type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';
import { event, loggedOf } from './own-session.ts';

let ingest: IngestUnderTest;
beforeAll(async () => {
  ingest = await startIngest();
});
afterAll(async () => {
  await ingest.close();
});

const inLog = (sessionId: string) => loggedOf(ingest, sessionId);

describe('T3: every form of a body', () => {
  const forms: [string, string, (events: object[]) => string][] = [
    ['a list', 'application/json', (events) => JSON.stringify(events)],
    ['{events}', 'application/json; charset=utf-8', (events) => JSON.stringify({ events })],
    ['NDJSON', 'application/x-ndjson', (events) => events.map((one) => JSON.stringify(one)).join('\n')],
    ['a list in text/plain', 'text/plain;charset=UTF-8', (events) => JSON.stringify(events)],
    ['a list after a byte order mark', 'application/json', (events) => `\ufeff${JSON.stringify(events)}`],
  ];
  test.each(forms)('%s: 202, and what was acknowledged is in the log as it was', async (_, type, write) => {
    const sessionId = `s-${randomUUID()}`;
    const events = [event({ sessionId, target: 'ü𝕏' }), event({ sessionId, context: { a: [1, null] } })];
    const before = Date.now();
    const answer = await ingest.post('/v1/events', write(events), { headers: { 'content-type': type } });
    expect(answer).toMatchObject({ status: 202, body: { accepted: 2, rejected: [] } });
    expect(answer.body).not.toHaveProperty('ids');
    expect(answer.headers.get('content-type')).toContain('application/json');
    expect(answer.headers.get('x-request-id')).toBeTruthy();

    const logged = await inLog(sessionId);
    expect(logged.map(({ event }) => event)).toEqual(events);
    for (const { project, receivedAt } of logged) {
      expect(project).toBe(1);
      expect(receivedAt).toBeGreaterThanOrEqual(before);
      expect(receivedAt).toBeLessThanOrEqual(Date.now());
    }
  });

  test('one event', async () => {
    const one = event();
    expect(await ingest.post('/v1/events', one)).toMatchObject({ status: 202, body: { accepted: 1 } });
    expect((await inLog(one.sessionId)).map(({ event }) => event)).toEqual([one]);
  });

  test("a page's last beacon: text/plain and ?key=, no other header", async () => {
    const one = event();
    const answer = await ingest.post(`/v1/events?key=${writeKey()}`, JSON.stringify(one), {
      credential: null,
      headers: { 'content-type': 'text/plain' },
    });
    expect(answer.status).toBe(202);
    expect(await inLog(one.sessionId)).toHaveLength(1);
  });

  test('ids that were assigned are told, and are those in the log', async () => {
    const sessionId = `s-${randomUUID()}`;
    const { body } = await ingest.post('/v1/events', [
      { sessionId, type: 'a' },
      { sessionId, type: 'b' },
    ]);
    expect(body.ids).toHaveLength(2);
    expect((await inLog(sessionId)).map(({ event }) => event.eventId)).toEqual(body.ids);
  });
});

describe('T8: a bad event never blocks good ones', () => {
  test('the answer says which item failed, where and why; the others are in the log', async () => {
    const good = event();
    const bad = event({ typ: 1, platform: 'tv' });
    const answer = await ingest.post('/v1/events', [bad, good, 'x']);
    expect(answer).toMatchObject({
      status: 202,
      body: {
        accepted: 1,
        rejected: [
          {
            index: 0,
            eventId: bad.eventId,
            errors: expect.arrayContaining([
              { pointer: '/typ', code: 'unknown_field', message: expect.any(String) },
              { pointer: '/platform', code: 'not_allowed', message: expect.any(String) },
            ]),
          },
          { index: 2, errors: [{ pointer: '', code: 'not_an_object', message: 'must be a JSON object' }] },
        ],
      },
    });
    expect(await inLog(good.sessionId)).toHaveLength(1);
    expect(await inLog(bad.sessionId)).toEqual([]);
  });

  test('422 if none was valid, with the errors of all', async () => {
    const answer = await ingest.post('/v1/events', [event({ seq: -1 }), event({ seq: 'x' })]);
    expect(answer).toMatchObject({
      status: 422,
      body: {
        type: 'urn:wayline:problem:no_valid_events',
        title: expect.any(String),
        status: 422,
        detail: 'All 2 events were refused; `errors` says why.',
        code: 'no_valid_events',
        retryable: false,
        errors: [
          { index: 0, pointer: '/seq', code: 'out_of_range', message: expect.any(String) },
          { index: 1, pointer: '/seq', code: 'wrong_type', message: expect.any(String) },
        ],
      },
    });
    expect(answer.headers.get('content-type')).toBe('application/problem+json');
  });

  test.each([
    ['[]', 'application/json'],
    ['{"events":[]}', 'application/json'],
    ['', 'application/x-ndjson'],
  ])('422 if there is none: %j as %s', async (body, type) => {
    const answer = await ingest.post('/v1/events', body, { headers: { 'content-type': type } });
    expect(answer).toMatchObject({ status: 422, body: { detail: 'The request holds no event.', errors: [] } });
  });

  test.each([
    ['not JSON', '{"a":', 'invalid_json'],
    ['empty', '', 'invalid_json'],
    ['not UTF-8', Buffer.from([0x22, 0xff, 0x22]), 'invalid_encoding'],
    ['half of a surrogate pair, as bytes', Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]), 'invalid_encoding'],
    ['UTF-16', Buffer.from('\ufeff{}', 'utf16le'), 'invalid_encoding'],
  ])('400 where the body is %s', async (_, body, code) => {
    expect(await ingest.post('/v1/events', body)).toMatchObject({ status: 400, body: { code, retryable: false } });
  });

  test.each([
    ['no content type', null],
    ['a form', 'application/x-www-form-urlencoded'],
    ['another charset', 'application/json; charset=utf-16'],
  ])('415 for %s', async (_, type) => {
    const answer = await ingest.post('/v1/events', Buffer.from('[]'), { headers: { 'content-type': type } });
    expect(answer).toMatchObject({ status: 415, body: { code: 'unsupported_media_type' } });
  });

  test('JSON of 100,000 levels is refused, and nothing falls over', async () => {
    const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
    expect(await ingest.post('/v1/events', deep)).toMatchObject({ status: 422 });
    const inContext = JSON.stringify(event({ context: { a: 0 } })).replace('"a":0', `"a":${deep}`);
    expect(await ingest.post('/v1/events', inContext)).toMatchObject({
      status: 422,
      body: { errors: [{ code: 'too_deep' }] },
    });
    expect(await ingest.post('/v1/events', '['.repeat(100_000))).toMatchObject({ status: 400 });
  });
});

describe('time', () => {
  const HOUR = 3_600_000;

  test('a clock that is off is corrected by sentAt of the body, else of the header', async () => {
    const off = 3 * HOUR;
    const occurredAt = new Date(Date.now() - off).toISOString();
    const inBody = event({ occurredAt });
    const inHeader = event({ occurredAt });
    const sentAt = new Date(Date.now() - off).toISOString();
    await ingest.post('/v1/events', { events: [inBody], sentAt }, { headers: { 'wayline-sent-at': '0' } });
    await ingest.post('/v1/events', inHeader, { headers: { 'wayline-sent-at': String(Date.parse(sentAt)) } });
    for (const { sessionId } of [inBody, inHeader]) {
      const [logged] = await inLog(sessionId);
      expect(logged?.event.occurredAt).toBe(occurredAt);
      expect(logged?.skew).toBe((logged?.receivedAt ?? 0) - Date.parse(sentAt));
    }
  });

  test('up to 5 s is no skew', async () => {
    const one = event();
    await ingest.post('/v1/events', { events: [one], sentAt: Date.now() - 3000 });
    expect((await inLog(one.sessionId))[0]).not.toHaveProperty('skew');
  });

  test('a device without a clock is believed when it says so', async () => {
    const one = event({ occurredAt: '1970-01-01T00:01:00Z' });
    expect(await ingest.post('/v1/events', one)).toMatchObject({ status: 422 });
    expect(await ingest.post('/v1/events', { events: [one], sentAt: 61_000 })).toMatchObject({ status: 202 });
  });

  test.each(['', 'yesterday', '2026-01-05', '99999999999999999999'])('a bad header %j: 400', async (sentAt) => {
    const answer = await ingest.post('/v1/events', event(), { headers: { 'wayline-sent-at': sentAt } });
    expect(answer).toMatchObject({ status: 400, body: { detail: expect.stringContaining('Wayline-Sent-At') } });
  });

  test.each([null, true, 'x', 1e300, {}])('a bad sentAt %j: 400', async (sentAt) => {
    const answer = await ingest.post('/v1/events', { events: [event()], sentAt });
    expect(answer).toMatchObject({ status: 400, body: { detail: expect.stringContaining('`/sentAt`') } });
  });

  test('the window: 90 days, or from 2000 on with a key that allows import', async () => {
    const old = event({ occurredAt: '2001-01-01T00:00:00Z' });
    expect(await ingest.post('/v1/events', old)).toMatchObject({
      status: 422,
      body: { errors: [{ index: 0, pointer: '/occurredAt', code: 'time_too_old' }] },
    });
    const credential = writeKey({ allowImport: true });
    expect(await ingest.post('/v1/events', old, { credential })).toMatchObject({ status: 202 });
  });
});

describe('I1, I2: who may write', () => {
  test('no credential, or one that is not genuine: 401', async () => {
    for (const credential of [
      null,
      'nonsense',
      `${writeKey()}0`,
      await accessToken(['write'], { expiresInSeconds: -1 }),
    ]) {
      const answer = await ingest.post('/v1/events', event(), { credential });
      expect(answer).toMatchObject({ status: 401, body: { code: 'unauthenticated' } });
      expect(answer.headers.get('www-authenticate')).toBe('Bearer');
    }
  });

  test('a token without the scope: 403', async () => {
    const credential = await accessToken(['read', 'aggregation', 'admin']);
    for (const path of [
      '/v1/events',
      '/v1/sessions',
      '/v1/sessions/s/refresh',
      '/v1/sessions/s/end',
      '/v1/sessions/s/events',
    ]) {
      expect(await ingest.post(path, event(), { credential })).toMatchObject({
        status: 403,
        body: { code: 'forbidden', detail: expect.stringContaining('`write`') },
      });
    }
  });

  test('a token with the scope, a key in the header, a key in the address: 202', async () => {
    const token = await accessToken(['write']);
    expect(await ingest.post('/v1/events', event(), { credential: token })).toMatchObject({ status: 202 });
    expect(await ingest.post('/v1/events', event())).toMatchObject({ status: 202 });
    expect(await ingest.post(`/v1/events?key=${writeKey()}`, event(), { credential: null })).toMatchObject({
      status: 202,
    });
    expect(await ingest.post('/v1/events?key=x', event(), { credential: null })).toMatchObject({ status: 401 });
    const twice = `/v1/events?key=${writeKey()}&key=${writeKey()}`;
    expect(await ingest.post(twice, event(), { credential: null })).toMatchObject({ status: 401 });
  });

  test('I5: one event sent from two projects is two events', async () => {
    const one = event();
    await ingest.post('/v1/events', one, { credential: writeKey({ projectId: 1 }) });
    await ingest.post('/v1/events', one, { credential: writeKey({ projectId: 2 }) });
    expect((await inLog(one.sessionId)).map(({ project }) => project).sort()).toEqual([1, 2]);
  });
});

describe('what could not be kept as it is, is refused, written with escapes or without', () => {
  const bs = String.fromCharCode(92);
  test.each([
    [`{"sessionId":"s","type":"a${bs}u0000b"}`, 'contains_nul', '/type'],
    [`{"sessionId":"s","type":"click","context":{"a":["${bs}ud800"]}}`, 'lone_surrogate', '/context/a/0'],
    [`{"sessionId":"s","type":"click","context":{"${bs}u0000":1}}`, 'contains_nul', `/context/${bs}u0000`],
    ['{"sessionId":"s","type":"click","context":{"a":1e999}}', 'number_out_of_range', '/context/a'],
    [`{"sessionId":"s","type":"click","context":{"a":${'['.repeat(40)}${']'.repeat(40)}}}`, 'too_deep', undefined],
  ])('%s', async (body, code, pointer) => {
    const answer = await ingest.post('/v1/events', body);
    expect(answer).toMatchObject({ status: 422, body: { errors: [{ code: expect.stringMatching(code) }] } });
    if (pointer?.includes(bs) === false) expect(answer.body.errors[0].pointer).toBe(pointer);
  });
});

describe('addresses', () => {
  test.each(['GET', 'PUT', 'DELETE', 'PATCH'])('%s: 405, and what is served', async (method) => {
    for (const path of ['/v1/events', '/v1/sessions', '/v1/sessions/s/end']) {
      const response = await fetch(ingest.url + path, { method });
      expect(response.status).toBe(405);
      expect(response.headers.get('allow')).toBe('POST, OPTIONS');
      expect(await response.json()).toMatchObject({ code: 'method_not_allowed' });
    }
  });

  test('what is not there: 404', async () => {
    expect(await ingest.post('/v1/event', event())).toMatchObject({ status: 404, body: { code: 'not_found' } });
    expect(await ingest.post('/v1/sessions/a/b/end', event())).toMatchObject({ status: 404 });
  });
});

test('T7: events of a session are in one partition, in the order in which they were acknowledged', async () => {
  const sessions = Array.from({ length: 5 }, () => `s-${randomUUID()}`);
  await Promise.all(
    sessions.map(async (sessionId) => {
      for (let request = 0; request < 10; request++) {
        const events = Array.from({ length: 3 }, (_, i) => event({ sessionId, seq: request * 3 + i }));
        expect(await ingest.post('/v1/events', events)).toMatchObject({ status: 202 });
      }
    }),
  );
  const records = await ingest.records();
  for (const sessionId of sessions) {
    const own = records.filter(({ key }) => String(key) === sessionId);
    expect(new Set(own.map(({ partition }) => partition)).size).toBe(1);
    expect(own.map(({ value }) => JSON.parse(String(value)).event.seq)).toEqual([...Array(30).keys()]);
  }
});

test('none of all this was a fault of the server', () => {
  expect(ingest.faults).toEqual([]);
});
