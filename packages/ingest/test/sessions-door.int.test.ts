import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { type LoggedEvent, uuidV7Time, uuidV8 } from '@wayline/contracts';
import { type IngestUnderTest, startIngest, writeKey } from './ingest-under-test.ts';

let ingest: IngestUnderTest;
beforeAll(async () => {
  ingest = await startIngest();
});
afterAll(async () => {
  await ingest.close();
});

const newId = () => `s-${randomUUID()}`;
const inLog = async (sessionId: string): Promise<LoggedEvent[]> =>
  (await ingest.logged()).filter(({ event }) => event.sessionId === sessionId);
const carried = {
  userId: 'u-1',
  machineId: 'm-1',
  platform: 'mobile',
  source: { kind: 'app', name: 'shop', version: '1', instance: 'i' },
};
const at = new Date(Date.now() - 60_000).toISOString();

describe('T2: POST /v1/sessions', () => {
  test('starts a session of an id of its own', async () => {
    const { status, body } = await ingest.post('/v1/sessions', {});
    expect(status).toBe(201);
    expect(uuidV7Time(body.sessionId)).toBe(Date.parse(body.startedAt));
    expect((await inLog(body.sessionId)).map(({ event }) => event)).toEqual([
      {
        eventId: uuidV8(1, body.sessionId, 'sessionStarted', '', ''),
        sessionId: body.sessionId,
        type: 'sessionStarted',
      },
    ]);
  });

  test('needs no body at all', async () => {
    const answer = await ingest.post('/v1/sessions', undefined, { headers: { 'content-type': null } });
    expect(answer).toMatchObject({ status: 201, body: { sessionId: expect.any(String) } });
  });

  test('carries on what the body says', async () => {
    const sessionId = newId();
    const answer = await ingest.post('/v1/sessions', { sessionId, startedAt: Date.parse(at), ...carried });
    expect(answer).toMatchObject({ status: 201, body: { sessionId, startedAt: at } });
    expect((await inLog(sessionId)).map(({ event }) => event)).toEqual([
      {
        eventId: uuidV8(1, sessionId, 'sessionStarted', '', at),
        sessionId,
        type: 'sessionStarted',
        occurredAt: at,
        ...carried,
        userAgent: 'node',
      },
    ]);
  });

  test('T6: a retry is the same event; another time, or another project, is another', async () => {
    const sessionId = newId();
    await ingest.post('/v1/sessions', { sessionId, startedAt: at });
    await ingest.post('/v1/sessions', { sessionId, startedAt: at.replace('Z', '+00:00') });
    await ingest.post('/v1/sessions', { sessionId });
    await ingest.post('/v1/sessions', { sessionId, startedAt: at }, { credential: writeKey({ projectId: 2 }) });
    const ids = (await inLog(sessionId)).map(({ event }) => event.eventId);
    expect(ids).toHaveLength(4);
    expect(ids[1]).toBe(ids[0]);
    expect(new Set(ids).size).toBe(3);
  });

  test('the skew of the clock is that of the header', async () => {
    const sessionId = newId();
    const off = Date.now() - 3_600_000;
    await ingest.post(
      '/v1/sessions',
      { sessionId, startedAt: off },
      { headers: { 'wayline-sent-at': new Date(off).toISOString() } },
    );
    const [logged] = await inLog(sessionId);
    expect(logged?.skew).toBe((logged?.receivedAt ?? 0) - off);
  });

  test.each([
    [{ startetAt: at }, '/startetAt', 'unknown_field'],
    [{ source: { kind: 'app', name: 'x', nam: 1 } }, '/source/nam', 'unknown_field'],
    [{ sessionId: '' }, '/sessionId', 'too_short'],
    [{ userId: 'a\0' }, '/userId', 'contains_nul'],
    [{ startedAt: 'now' }, '/startedAt', 'invalid_format'],
    [{ startedAt: '2001-01-01T00:00:00Z' }, '/startedAt', 'time_too_old'],
    [{ startedAt: Date.now() + 25 * 3_600_000 }, '/startedAt', 'time_too_new'],
    [[], '', 'not_an_object'],
    [null, '', 'not_an_object'],
  ])('refuses %j with its path', async (body, pointer, code) => {
    expect(await ingest.post('/v1/sessions', body)).toMatchObject({
      status: 400,
      body: { code: 'invalid_request', retryable: false, errors: [{ index: 0, pointer, code }] },
    });
  });

  test('refuses what is not JSON', async () => {
    expect(await ingest.post('/v1/sessions', '{')).toMatchObject({ status: 400, body: { code: 'invalid_json' } });
    const lines = { 'content-type': 'application/x-ndjson' };
    expect(await ingest.post('/v1/sessions', '{}', { headers: lines })).toMatchObject({ status: 415 });
  });
});

describe('T2: POST /v1/sessions/{id}/refresh', () => {
  test('ends the old session and starts a new one, linked to it', async () => {
    const previousSessionId = newId();
    const sessionId = newId();
    const body = { sessionId, startedAt: at, ...carried };
    const answer = await ingest.post(`/v1/sessions/${previousSessionId}/refresh`, body);
    expect(answer).toMatchObject({ status: 201 });
    expect(answer.body).toEqual({ sessionId, previousSessionId });
    expect((await inLog(previousSessionId)).map(({ event }) => event)).toEqual([
      {
        eventId: uuidV8(1, previousSessionId, 'sessionEnded', '', at),
        sessionId: previousSessionId,
        type: 'sessionEnded',
        occurredAt: at,
        ...carried,
        userAgent: 'node',
        context: { reason: 'refreshed' },
      },
    ]);
    expect((await inLog(sessionId)).map(({ event }) => event)).toEqual([
      {
        eventId: uuidV8(1, sessionId, 'sessionStarted', previousSessionId, at),
        sessionId,
        type: 'sessionStarted',
        occurredAt: at,
        ...carried,
        userAgent: 'node',
        context: { previousSessionId },
      },
    ]);
  });

  test('assigns the new id if the body names none', async () => {
    const previousSessionId = newId();
    const { status, body } = await ingest.post(`/v1/sessions/${previousSessionId}/refresh`, undefined);
    expect(status).toBe(201);
    expect(uuidV7Time(body.sessionId)).toBeDefined();
    expect((await inLog(body.sessionId))[0]?.event.context).toEqual({ previousSessionId });
  });

  test('a session cannot follow itself', async () => {
    const sessionId = newId();
    expect(await ingest.post(`/v1/sessions/${sessionId}/refresh`, { sessionId })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/sessionId', code: 'not_allowed' }] },
    });
    expect(await inLog(sessionId)).toEqual([]);
  });

  test('where the time is refused, neither event is logged', async () => {
    const previousSessionId = newId();
    const sessionId = newId();
    const body = { sessionId, startedAt: 0 };
    expect(await ingest.post(`/v1/sessions/${previousSessionId}/refresh`, body)).toMatchObject({ status: 400 });
    expect([...(await inLog(sessionId)), ...(await inLog(previousSessionId))]).toEqual([]);
  });
});

describe('T2: POST /v1/sessions/{id}/end', () => {
  test('ends the session', async () => {
    const sessionId = newId();
    const answer = await ingest.post(`/v1/sessions/${sessionId}/end`, { endedAt: at, userId: 'u-1' });
    expect(answer).toMatchObject({ status: 202, body: { sessionId, endedAt: at } });
    expect((await inLog(sessionId)).map(({ event }) => event)).toEqual([
      {
        eventId: uuidV8(1, sessionId, 'sessionEnded', '', at),
        sessionId,
        type: 'sessionEnded',
        occurredAt: at,
        userId: 'u-1',
        context: { reason: 'ended' },
      },
    ]);
  });

  test('needs no body, and has no time of its own then: a retry meets its id', async () => {
    const sessionId = newId();
    for (let i = 0; i < 2; i++) {
      const answer = await ingest.post(`/v1/sessions/${sessionId}/end`, undefined, {
        headers: { 'content-type': null },
      });
      expect(answer.status).toBe(202);
    }
    const logged = await inLog(sessionId);
    expect(logged.map(({ event }) => event.eventId)).toEqual(
      Array(2).fill(uuidV8(1, sessionId, 'sessionEnded', '', '')),
    );
    expect(logged[0]?.event).not.toHaveProperty('occurredAt');
  });

  test('refuses unknown fields and bad times', async () => {
    expect(await ingest.post('/v1/sessions/s/end', { startedAt: at })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/startedAt', code: 'unknown_field' }] },
    });
    expect(await ingest.post('/v1/sessions/s/end', { endedAt: 0 })).toMatchObject({
      status: 400,
      body: { errors: [{ pointer: '/endedAt', code: 'time_too_old' }] },
    });
  });
});

describe('POST /v1/sessions/{id}/events', () => {
  test('is like /v1/events; a session in the body must be absent or equal', async () => {
    const sessionId = newId();
    const answer = await ingest.post(`/v1/sessions/${sessionId}/events`, [
      { type: 'a' },
      { type: 'b', sessionId },
      { type: 'c', sessionId: 'other' },
    ]);
    expect(answer).toMatchObject({
      status: 202,
      body: {
        accepted: 2,
        ids: [expect.any(String), expect.any(String)],
        rejected: [{ index: 2, errors: [{ pointer: '/sessionId', code: 'session_mismatch' }] }],
      },
    });
    expect((await inLog(sessionId)).map(({ event }) => event.type)).toEqual(['a', 'b']);
  });
});

describe('the session in the address', () => {
  test.each(['a/b', 'ü𝕏', 'a b', '%', '..', 'x?y#z', '𝕏'.repeat(256)])('may be %j, encoded', async (suffix) => {
    const sessionId = suffix.length > 100 ? suffix : `${newId()}${suffix}`;
    const answer = await ingest.post(`/v1/sessions/${encodeURIComponent(sessionId)}/events`, { type: 'a' });
    expect(answer.status).toBe(202);
    expect(await inLog(sessionId)).toHaveLength(1);
  });

  test.each(['a%00b', 'x'.repeat(257), '%E0%A4%A', '%ff'])('may not be %j', async (id) => {
    for (const action of ['refresh', 'end', 'events']) {
      expect(await ingest.post(`/v1/sessions/${id}/${action}`, { type: 'a' })).toMatchObject({
        status: 400,
        body: { code: 'invalid_request', detail: expect.stringContaining('address') },
      });
    }
  });
});

test('none of all this was a fault of the server', () => {
  expect(ingest.faults).toEqual([]);
});
