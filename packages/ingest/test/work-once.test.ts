import { afterEach, expect, jest, test } from '@jest/globals';
import { createEventValidator, timeWindow } from '@wayline/contracts';
import { createEventsDoor } from '../src/events-door.ts';
import { judgeEvents } from '../src/judge-events.ts';
import { parseEventsBody } from '../src/parse-events-body.ts';

const RECEIVED = Date.UTC(2026, 0, 5, 12);
const window = timeWindow(RECEIVED, { allowImport: false });
const event = (more: object = {}) => ({
  eventId: '019b8e0b-3a00-7cc3-98c4-dc0c0c07398f',
  sessionId: 's-1',
  type: 'click',
  occurredAt: '2026-01-05T12:00:00.000Z',
  ...more,
});
const EVENTS = 100;

afterEach(() => {
  jest.restoreAllMocks();
});

/** How often a request of so many events has JSON read, and written, from its body to its records and its answer. */
function workOf(body: string, contentType: string): { read: number; written: number } {
  const door = createEventsDoor();
  const [read, written] = [jest.spyOn(JSON, 'parse'), jest.spyOn(JSON, 'stringify')];
  const { records } = door({
    principal: { kind: 'key', projectId: 1, id: 'test', scopes: new Set(['write']), allowImport: false },
    receivedMs: RECEIVED,
    window,
    headers: { 'content-type': contentType },
    body: Buffer.from(body),
  });
  const work = { read: read.mock.calls.length, written: written.mock.calls.length };
  jest.restoreAllMocks();
  expect(records).toHaveLength(EVENTS);
  return work;
}

const list = (more: object = {}) => Array.from({ length: EVENTS }, (_, seq) => event({ seq, ...more }));

test.each([
  { what: 'a list', body: JSON.stringify(list()), type: 'application/json', work: { read: 1, written: 0 } },
  {
    what: '{events, sentAt}',
    body: JSON.stringify({ sentAt: RECEIVED, events: list() }),
    type: 'application/json',
    work: { read: 1, written: 0 },
  },
  {
    what: 'events that must be changed',
    body: JSON.stringify(list({ occurredAt: RECEIVED })),
    type: 'application/json',
    work: { read: 1, written: EVENTS },
  },
  {
    what: 'lines',
    body: list()
      .map((each) => JSON.stringify(each))
      .join('\n'),
    type: 'application/x-ndjson',
    work: { read: EVENTS, written: EVENTS },
  },
])('issue 4.2: JSON is read once, and an event written once at most: $what', ({ body, type, work }) => {
  expect(workOf(body, type)).toEqual(work);
});

test('issue 4.2: an event is validated once', () => {
  const { validate, ...validator } = createEventValidator();
  const validated: unknown[] = [];
  const counting = {
    ...validator,
    validate: ((...call: Parameters<typeof validate>) => {
      validated.push(call[0]);
      return validate(...call);
    }) as typeof validate,
  };
  const body = Buffer.from(JSON.stringify(list()));
  const { records } = judgeEvents(parseEventsBody(String(body), 'application/json', body), {
    ...{ validator: counting, projectId: 1, receivedMs: RECEIVED, skewMs: 0, window },
    ...{ bodyBytes: body.length, escaped: false },
  });
  expect(records).toHaveLength(EVENTS);
  expect(validated).toHaveLength(EVENTS);
  expect(new Set(validated).size).toBe(EVENTS);
});
