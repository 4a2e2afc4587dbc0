import { describe, expect, test } from '@jest/globals';
import { createEventValidator, type LoggedEvent, timeWindow, uuidV7Time } from '@wayline/contracts';
import { type JudgeOptions, judgeEvents } from '../src/judge-events.ts';
import { parseEventsBody } from '../src/parse-events-body.ts';

const RECEIVED = Date.UTC(2026, 0, 5, 12);
const V4 = '9b2f1d3e-8f4a-4c7b-9a51-3d2e1f0a4b5c';
const V7 = '019b8e0b-3a00-7cc3-98c4-dc0c0c07398f'; // 2026-01-05T12:04:19.072Z
const minimal = { sessionId: 's-1', type: 'click' };

const options: JudgeOptions = {
  validator: createEventValidator(),
  projectId: 7,
  receivedMs: RECEIVED,
  skewMs: 0,
  window: timeWindow(RECEIVED, { allowImport: false }),
  bodyBytes: 0,
  escaped: true,
};
const judgeText = (text: string, more: Partial<JudgeOptions> = {}) =>
  judgeEvents(parseEventsBody(text, 'application/json', Buffer.from(text)), { ...options, ...more });
const judge = (items: unknown[], more: Partial<JudgeOptions> = {}) => judgeText(JSON.stringify(items), more);
const loggedBy = (items: unknown[], more: Partial<JudgeOptions> = {}): LoggedEvent[] =>
  judge(items, more).records.map(({ value }) => JSON.parse(value.toString()) as LoggedEvent);

describe('what is logged of an event', () => {
  test('the record goes by its session, and says project, time of receipt and event', () => {
    const { records } = judge([{ ...minimal, eventId: V7, occurredAt: '2026-01-05T12:00:00.000Z' }]);
    expect(records.map(({ key, value }) => [key, JSON.parse(value.toString())])).toEqual([
      [
        's-1',
        {
          project: 7,
          receivedAt: RECEIVED,
          event: { ...minimal, eventId: V7, occurredAt: '2026-01-05T12:00:00.000Z' },
        },
      ],
    ]);
  });

  test('the skew stands beside occurredAt, which stays as sent', () => {
    const [logged] = loggedBy([{ ...minimal, eventId: V4, occurredAt: RECEIVED }], { skewMs: -6000 });
    expect(logged).toMatchObject({ skew: -6000, event: { occurredAt: '2026-01-05T12:00:00.000Z' } });
  });

  test.each([
    ['2026-01-05t13:00:00.123456+01:00', '2026-01-05T12:00:00.123Z'],
    ['2026-01-05 12:00:00Z', '2026-01-05T12:00:00.000Z'],
    [RECEIVED + 0.9, '2026-01-05T12:00:00.000Z'],
  ])('occurredAt %s is written as %s', (occurredAt, normal) => {
    expect(loggedBy([{ ...minimal, occurredAt }])[0]?.event.occurredAt).toBe(normal);
  });

  test('ids are written in lower case, so that a retry in upper case is the same event', () => {
    expect(loggedBy([{ ...minimal, eventId: V4.toUpperCase() }])[0]?.event.eventId).toBe(V4);
  });

  test('every text and value of context is kept as it was', () => {
    const text =
      '{"sessionId":"sitzung-𝕏","type":"é","context":{"__proto__":{"a":1},"constructor":2,"":[null,false,-0.5e-7,"\\u2028\\u0007\\"\\\\"],"😀":{}}}';
    const { records } = judgeText(text);
    const value = records[0]?.value.toString() ?? '';
    expect(records[0]?.key).toBe('sitzung-𝕏');
    expect(JSON.stringify(JSON.parse(value).event.context)).toBe(JSON.stringify(JSON.parse(text).context));
  });
});

describe('ids and times that are absent', () => {
  test('without id and time, the id is a UUIDv7 of the receipt, and the time that of receipt without skew', () => {
    const { ids } = judge([minimal]);
    const [logged] = loggedBy([minimal], { skewMs: 60_000 });
    expect(ids?.map(uuidV7Time)).toEqual([RECEIVED]);
    expect(logged).not.toHaveProperty('skew');
    expect(logged?.event.occurredAt).toBe('2026-01-05T12:00:00.000Z');
  });

  test('without an id but with a time, the skew counts', () => {
    const [logged] = loggedBy([{ ...minimal, occurredAt: '2026-01-05T11:00:00.000Z' }], { skewMs: 60_000 });
    expect(logged).toMatchObject({ skew: 60_000, event: { occurredAt: '2026-01-05T11:00:00.000Z' } });
  });

  test.each([
    ['a UUIDv7, which has one inside', V7],
    ['another id, which is claimed later', V4],
  ])('with %s, no time is added: a retry must meet the same key', (_, eventId) => {
    const [logged] = loggedBy([{ ...minimal, eventId }], { skewMs: 60_000 });
    expect(logged?.event).toEqual({ ...minimal, eventId });
    expect(logged?.skew).toBe(60_000);
  });

  test('assigned ids rise in the order of the request', () => {
    const { ids } = judge(Array.from({ length: 100 }, () => minimal));
    expect(new Set(ids).size).toBe(100);
    expect([...(ids ?? [])].sort()).toEqual(ids);
  });

  test('ids of all accepted are told in order if one was assigned, and not at all if none was', () => {
    const mixed = judge([minimal, { typo: 1 }, { ...minimal, eventId: V4 }]);
    expect(mixed.ids).toEqual([expect.stringMatching(/^[0-9a-f-]{36}$/), V4]);
    expect(judge([{ ...minimal, eventId: V4 }])).not.toHaveProperty('ids');
    expect(judge([{ typo: 1 }])).not.toHaveProperty('ids');
  });
});

describe('T8: a bad event never blocks good ones', () => {
  test('each is judged apart; what is wrong says where and why', () => {
    const judgement = judge([
      { ...minimal, target: 'first' },
      { ...minimal, eventId: V4, typ: 'x' },
      null,
      { ...minimal, target: 'second' },
      { ...minimal, eventId: 'no uuid' },
      { ...minimal, eventId: V7.toUpperCase(), occurredAt: '2020-01-01T00:00:00Z' },
    ]);
    expect(judgement.records.map(({ value }) => JSON.parse(value.toString()).event.target)).toEqual([
      'first',
      'second',
    ]);
    expect(judgement.rejected).toEqual([
      { index: 1, eventId: V4, errors: [expect.objectContaining({ pointer: '/typ', code: 'unknown_field' })] },
      { index: 2, errors: [expect.objectContaining({ pointer: '', code: 'not_an_object' })] },
      { index: 4, errors: [expect.objectContaining({ pointer: '/eventId', code: 'invalid_format' })] },
      { index: 5, eventId: V7, errors: [expect.objectContaining({ pointer: '/occurredAt', code: 'time_too_old' })] },
    ]);
  });

  test('lines that are not JSON are rejected in their place', () => {
    const body = parseEventsBody(`${JSON.stringify(minimal)}\nx\n${JSON.stringify(minimal)}`, 'application/x-ndjson');
    const judgement = judgeEvents(body, options);
    expect(judgement.records).toHaveLength(2);
    expect(judgement.rejected).toEqual([{ index: 1, errors: [expect.objectContaining({ code: 'invalid_json' })] }]);
  });

  test('T6: the same id twice in a request is accepted twice: the worker knows what is stored', () => {
    const twice = { ...minimal, eventId: V4, occurredAt: RECEIVED };
    expect(judge([twice, twice])).toMatchObject({ records: [{}, {}], rejected: [] });
  });

  test('the window is that of the key', () => {
    const old = { ...minimal, occurredAt: '2005-01-01T00:00:00Z' };
    expect(judge([old]).rejected[0]?.errors[0]?.code).toBe('time_too_old');
    expect(judge([old], { window: timeWindow(RECEIVED, { allowImport: true }) }).rejected).toEqual([]);
  });
});

describe('a session in the address', () => {
  test('is the session of events that name none, or the same', () => {
    const logged = loggedBy([{ type: 'a' }, { type: 'b', sessionId: 's-9' }], { sessionId: 's-9' });
    expect(logged.map(({ event }) => event.sessionId)).toEqual(['s-9', 's-9']);
  });

  test('events that name another are refused', () => {
    const { records, rejected } = judge([{ type: 'a', sessionId: 's-8' }, { type: 'b' }, [], null], {
      sessionId: 's-9',
    });
    expect(records).toHaveLength(1);
    expect(rejected).toMatchObject([
      { index: 0, errors: [{ pointer: '/sessionId', code: 'session_mismatch' }] },
      { index: 2, errors: [{ code: 'not_an_object' }] },
      { index: 3, errors: [{ code: 'not_an_object' }] },
    ]);
  });

  test('a session that is no text is told as such', () => {
    for (const sessionId of [null, 7, {}]) {
      const errors = judge([{ type: 'a', sessionId }], { sessionId: 's-9' }).rejected[0]?.errors;
      expect(errors).toEqual([expect.objectContaining({ pointer: '/sessionId', code: 'wrong_type' })]);
    }
  });
});

describe('the user agent', () => {
  const app = { kind: 'app', name: 'shop' };
  const userAgent = 'Mozilla/5.0';
  const logged = (event: object) => loggedBy([{ ...minimal, ...event }], { userAgent })[0]?.event.userAgent;

  test('is that of the request where an app names none', () => expect(logged({ source: app })).toBe(userAgent));
  test('is what the app says, also if that is empty', () => {
    expect(logged({ source: app, userAgent: 'own' })).toBe('own');
    expect(logged({ source: app, userAgent: '' })).toBe('');
  });
  test('is not taken from the HTTP client of a service, or of an unknown source', () => {
    expect(logged({ source: { kind: 'microservice', name: 'orders' } })).toBeUndefined();
    expect(logged({})).toBeUndefined();
  });
});

describe('an event is kept as it was written where that is the event', () => {
  const full = {
    eventId: V7,
    occurredAt: '2026-01-05T12:00:00.000Z',
    ...minimal,
    source: { kind: 'app', name: 'shop' },
    value: 1.5,
    context: { text: 'é "quoted" \\ } ] [ {', deep: [{ a: null }] },
  };

  test.each([
    { what: 'as it is', event: full },
    { what: 'without an id', event: { ...full, eventId: undefined } },
    { what: 'without a time', event: { ...full, occurredAt: undefined } },
    { what: 'without either', event: minimal },
    { what: 'an id in upper case', event: { ...full, eventId: V4.toUpperCase() } },
    { what: 'a time in ms', event: { ...full, occurredAt: RECEIVED } },
    { what: 'a time of another zone', event: { ...full, occurredAt: '2026-01-05T13:00:00+01:00' } },
    { what: 'a user agent of its own', event: { ...full, userAgent: 'mine' } },
  ])('T6: $what', ({ event }) => {
    const userAgent = 'Mozilla/5.0 "é"';
    const bodies = [event, [event, full], { sentAt: RECEIVED, events: [full, event] }];
    for (const text of [...bodies.map((body) => JSON.stringify(body)), JSON.stringify([event], null, 2)]) {
      for (const skewMs of [0, 60_000]) {
        const kept = judgeText(text, { userAgent, skewMs });
        const anew = judgeEvents(parseEventsBody(text, 'application/json'), { ...options, userAgent, skewMs });
        const read = ({ records }: typeof kept) =>
          records.map(({ key, value }) => {
            const logged = JSON.parse(String(value)) as LoggedEvent;
            return {
              key,
              ...logged,
              event: { ...logged.event, eventId: 'eventId' in event && event.eventId ? logged.event.eventId : 'new' },
            };
          });
        expect(read(kept)).toEqual(read(anew));
      }
    }
  });

  test('its text is the same bytes, with what was added at its end', () => {
    const text = '[{"type":"click", "sessionId":"s-1","value":1.50,"context":{"b":1,"a":[]}}]';
    const [record] = judgeText(text, { userAgent: 'x' }).records;
    const event = text.slice(1, -2);
    expect(String(record?.value)).toMatch(
      `{"project":7,"receivedAt":${RECEIVED},"event":${event},"occurredAt":"2026-01-05T12:00:00.000Z","eventId":"`,
    );
  });

  // Of two members of one name JSON.parse takes the last, other readers of the log the first.
  test.each([
    { text: '{"sessionId":"s-0","sessionId":"s-1","type":"click"}' },
    { text: '{"sessionId":"s-1","type":"click","context":{"list":[1,{"b":1,"b":2}]}}' },
    { text: '{"sessionId":"s-1","type":"click","source":{"kind":"app","name":"a","name":"b"}}' },
  ])('no member is kept twice: $text', ({ text }) => {
    const [record] = judgeText(text).records;
    const { event } = JSON.parse(String(record?.value));
    expect(String(record?.value)).toContain(`"event":${JSON.stringify(event)}`);
    expect(event).toMatchObject(JSON.parse(text));
  });

  test.each([
    { what: 'a member given twice is the last', text: '{"sessionId":"s-0","sessionId":"s-1","type":"click"}' },
    { what: 'minus zero is zero', text: '{"sessionId":"s-1","type":"click","value":-0,"seq":-0}' },
    {
      what: 'a list given twice is the last',
      text: '{"events":[{"sessionId":"s-0"}],"events":[{"sessionId":"s-1","type":"click"}]}',
    },
    {
      what: 'a list named with an escape',
      text: '{"events":[{"sessionId":"s-0"}],"\\u0065vents":[{"sessionId":"s-1","type":"click"}]}',
    },
  ])('what is judged is what is kept: $what', ({ text }) => {
    const { records } = judgeText(text);
    const kept = records.map(({ value }) => JSON.parse(String(value)).event);
    expect(records.map(({ key }) => key)).toEqual(['s-1']);
    expect(kept).toEqual([expect.objectContaining(minimal)]);
    expect(Object.is(kept[0].value, -0) || Object.is(kept[0].seq, -0)).toBe(false);
  });
});
