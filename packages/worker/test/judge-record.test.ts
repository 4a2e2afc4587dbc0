import { describe, expect, test } from '@jest/globals';
import { TOPICS, uuidV8 } from '@wayline/contracts';
import type { LogRecord } from '@wayline/event-log';
import { createVerifier, formatWriteKey } from '@wayline/identity/verify';
import type { CallerSettings } from '@wayline/settings';
import { createRecordJudge } from '../src/judge-record.ts';

const SECRET = 'a secret of more than thirty-two characters';
const KEY = formatWriteKey({ projectId: 7, keyId: 'k1', allowImport: false }, SECRET);
const NOW = Date.parse('2026-11-20T12:00:00.000Z');
const CALLERS: Record<string, CallerSettings> = {
  revoked: { refused: 'revoked', refusedAtMs: NOW, rates: {} },
  closed: { refused: 'disabled', refusedAtMs: NOW - 1, rates: {} },
  later: { refused: 'revoked', refusedAtMs: NOW + 1, rates: {} },
  narrow: { pastDays: 2, rates: {} },
};
const settings = { key: (_projectId: number, keyId: string): CallerSettings => CALLERS[keyId] ?? { rates: {} } };
const judge = createRecordJudge({ verifier: createVerifier({ secrets: [SECRET] }), settings });

const recordOf = (value: unknown, headers: Record<string, string> = {}): LogRecord => ({
  offset: 5,
  timeMs: NOW,
  key: Buffer.from('s-1'),
  value:
    value === null
      ? null
      : Buffer.isBuffer(value)
        ? value
        : Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)),
  headers: Object.fromEntries(Object.entries(headers).map(([name, text]) => [name, Buffer.from(text)])),
});
const direct = (value: unknown, headers: Record<string, string> = { 'wayline-key': KEY }) =>
  judge(recordOf(value, headers), { logId: 'log', topic: TOPICS.direct, partition: 3 });
const atDoor = (value: unknown) => judge(recordOf(value), { logId: 'log', topic: TOPICS.events, partition: 3 });

const EVENT = { sessionId: 's-1', type: 'click', occurredAt: '2026-11-20T11:59:00Z' };
const EVENT_ID = '01890a5d-ac96-774b-bcce-b302099a8057';
const ENVELOPE = { project: 4, receivedAt: NOW, event: { ...EVENT, eventId: EVENT_ID } };

describe('records that services wrote themselves', () => {
  const headerOf = (keyId: string) => ({
    'wayline-key': formatWriteKey({ projectId: 7, keyId, allowImport: false }, SECRET),
  });

  test('I6: a revoked key and a closed project are dead letters of the project, without looking at the event', () => {
    expect(direct('no json', headerOf('revoked'))).toMatchObject({
      projectId: 7,
      verdict: { deadLetter: { code: 'revoked_key' } },
    });
    expect(direct(EVENT, headerOf('closed'))).toMatchObject({
      projectId: 7,
      verdict: { deadLetter: { code: 'disabled_project' } },
    });
  });

  test('T11: whatever is refused keeps its ids, as far as they can be read, so that it can be found', () => {
    const event = { ...EVENT, eventId: EVENT_ID.toUpperCase() };
    const ids = { eventId: EVENT_ID, sessionId: 's-1' };
    for (const headers of [headerOf('revoked'), headerOf('closed'), {}, { 'wayline-key': 'wlk_7_k1_w_0' }]) {
      expect(direct(event, headers)).toMatchObject({ verdict: { deadLetter: ids } });
    }
    expect(direct({ ...event, unknown: 1 })).toMatchObject({ verdict: { deadLetter: ids } });
    expect(direct({ ...event, occurredAt: '1999-01-01T00:00:00Z' })).toMatchObject({ verdict: { deadLetter: ids } });
  });

  test('O12: what the log took before the key was revoked is stored, however late it is read, or read again', () => {
    expect(direct(EVENT, headerOf('later'))).toMatchObject({ verdict: { store: { event: EVENT } } });
  });

  test('the time window of the project holds here too', () => {
    const old = { ...EVENT, occurredAt: NOW - 3 * 86_400_000 };
    expect(direct(old, headerOf('narrow'))).toMatchObject({ verdict: { deadLetter: { code: 'time_too_old' } } });
    expect(direct(old)).toMatchObject({ verdict: { store: {} } });
  });

  test('T4: a valid event with a genuine key is stored for the project of the key, received at the time of the log', () => {
    expect(direct(EVENT)).toMatchObject({
      offset: 5,
      projectId: 7,
      verdict: { store: { event: EVENT, receivedMs: NOW, times: { skewMs: 0, correctedMs: NOW - 60_000 } } },
    });
  });

  test('T4: without an eventId it is derived from log, topic, partition and offset, so that redelivery is a duplicate', () => {
    expect(direct(EVENT)).toMatchObject({
      verdict: { store: { event: { eventId: uuidV8('log', TOPICS.direct, 3, 5) } } },
    });
  });

  test('T4: the Confluent wire format is read too', () => {
    const framed = Buffer.concat([Buffer.from([0, 0, 0, 0, 9]), Buffer.from(JSON.stringify(EVENT))]);
    expect(direct(framed)).toMatchObject({ verdict: { store: { event: EVENT } } });
  });

  test.each([
    ['without a key', EVENT, {}, 'missing_key', 0],
    ['with a foreign key', EVENT, { 'wayline-key': KEY.replace('_7_', '_8_') }, 'unknown_key', 0],
    ['a tombstone', null, undefined, 'empty', 7],
    ['an empty value', '', undefined, 'empty', 7],
    ['no JSON', '{"sessionId":', undefined, 'unreadable', 7],
    ['no UTF-8', Buffer.from([0x22, 0xff, 0x22]), undefined, 'unreadable', 7],
    ['a list', [EVENT], undefined, 'not_an_object', 7],
    ['an unknown field', { ...EVENT, sesionId: 'x' }, undefined, 'unknown_field', 7],
    ['no session', { type: 'click' }, undefined, 'missing_field', 7],
    ['a NUL', { ...EVENT, page: 'a\0b' }, undefined, 'contains_nul', 7],
    ['half a surrogate pair', '{"sessionId":"s","type":"\\ud800"}', undefined, 'lone_surrogate', 7],
    ['a time too far back', { ...EVENT, occurredAt: '2026-01-01T00:00:00Z' }, undefined, 'time_too_old', 7],
    ['a time too far ahead', { ...EVENT, occurredAt: '2026-11-22T00:00:00Z' }, undefined, 'time_too_new', 7],
  ])('I6, T8: %s becomes a dead letter with its reason', (_name, value, headers, code, projectId) => {
    expect(direct(value, headers)).toMatchObject({ projectId, verdict: { deadLetter: { code } } });
  });

  test('T8: a dead letter keeps the ids it can, so that it can be found, and the original bytes', () => {
    const judged = direct({ eventId: EVENT_ID.toUpperCase(), sessionId: 's-9', type: 5 });
    expect(judged).toMatchObject({ verdict: { deadLetter: { eventId: EVENT_ID, sessionId: 's-9' } } });
    expect(judged.original.value?.toString()).toContain('"type":5');
    expect(direct({ eventId: 'no uuid', sessionId: 1, type: 'x' })).toMatchObject({
      verdict: { deadLetter: { eventId: undefined, sessionId: undefined } },
    });
  });
});

describe('records that were judged at the door', () => {
  test('they are not judged again: old times and long texts are stored as they were acknowledged', () => {
    const event = { ...ENVELOPE.event, occurredAt: '2001-01-01T00:00:00.000Z', page: 'x'.repeat(5000) };
    expect(atDoor({ ...ENVELOPE, event })).toMatchObject({ projectId: 4, verdict: { store: { event } } });
  });

  test.each([0, 1.5, 2 ** 31, 2 ** 32 + 1])(
    'T7: %p is the number of no project, and never becomes another one',
    (project) => {
      const detail = '/project is not the number of a project';
      expect(atDoor({ ...ENVELOPE, project })).toMatchObject({
        projectId: 0,
        verdict: { deadLetter: { code: 'unreadable', detail } },
      });
    },
  );

  test('the skew of the door is applied', () => {
    expect(atDoor({ ...ENVELOPE, skew: 60_000 })).toMatchObject({
      verdict: { store: { times: { skewMs: 60_000, correctedMs: NOW } } },
    });
  });

  test('O10: fields of a newer ingest are kept in context._unknown', () => {
    const event = {
      ...ENVELOPE.event,
      colour: 'red',
      value: 'a text',
      platform: 'watch',
      source: { kind: 'robot', name: 'r' },
      context: { a: 1 },
    };
    expect(atDoor({ ...ENVELOPE, later: true, event })).toMatchObject({
      verdict: {
        store: {
          event: {
            context: {
              a: 1,
              _unknown: { colour: 'red', value: 'a text', platform: 'watch', source: { kind: 'robot', name: 'r' } },
            },
          },
        },
      },
    });
  });

  test.each([
    ['no envelope', EVENT, 'unreadable'],
    ['no JSON', '{', 'unreadable'],
    ['no project', { ...ENVELOPE, project: '4' }, 'unreadable'],
    ['no eventId', { ...ENVELOPE, event: EVENT }, 'unreadable'],
    ['no time of receipt', { ...ENVELOPE, receivedAt: null }, 'unreadable'],
    [
      'a NUL, which PostgreSQL cannot hold',
      { ...ENVELOPE, event: { ...ENVELOPE.event, context: { deep: ['\0'] } } },
      'contains_nul',
    ],
    [
      'a time that PostgreSQL cannot hold',
      { ...ENVELOPE, event: { ...ENVELOPE.event, occurredAt: 8e15 } },
      'out_of_range',
    ],
    ['nothing', null, 'empty'],
  ])('%s becomes a dead letter', (_name, value, code) => {
    expect(atDoor(value)).toMatchObject({ verdict: { deadLetter: { code } } });
  });
});
