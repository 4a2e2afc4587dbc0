import { expect, test } from '@jest/globals';
import { newRunIds, type RunIds } from '../src/load/event-ids.ts';
import { numberEvents, type PreparedRequest, prepareRequests } from '../src/load/prepared-request.ts';

interface SentEvent {
  eventId: string;
  sessionId: string;
  occurredAt: string;
  userId: string;
}

const EVENTS = 25;

function liveRequest(ids: RunIds = newRunIds()): PreparedRequest {
  const about = { count: 1, eventsPerRequest: EVENTS, writeKey: 'k', port: 1, live: true };
  return prepareRequests(ids, about)[0] as PreparedRequest;
}

function sent(request: PreparedRequest, sequence: number, pass: number): SentEvent[] {
  numberEvents(request, sequence, pass);
  return JSON.parse(request.bytes.toString().split('\r\n\r\n')[1] ?? '') as SentEvent[];
}

const sessionsOf = (events: SentEvent[]): string[] => [...new Set(events.map(({ sessionId }) => sessionId))];

test('live events are of now, and in their order', () => {
  const before = Date.now();
  const times = sent(liveRequest(), 3, 0).map(({ occurredAt }) => Date.parse(occurredAt));
  expect(times).toEqual(times.toSorted((a, b) => a - b));
  expect(times.at(-1)).toBeGreaterThanOrEqual(before);
  expect(times.at(-1)).toBeLessThanOrEqual(Date.now());
  expect(times[0]).toBeGreaterThan(before - 100);
});

test('each pass has sessions of its own, divided as those before, and ids that nobody had', () => {
  const request = liveRequest();
  const [first, second] = [sent(request, 0, 0), sent(request, 1, 1)];
  expect(sessionsOf(second)).toHaveLength(sessionsOf(first).length);
  expect(sessionsOf([...first, ...second])).toHaveLength(2 * sessionsOf(first).length);
  expect(second.map(({ userId }) => userId)).toEqual(first.map(({ userId }) => userId));
  expect(new Set([...first, ...second].map(({ eventId }) => eventId)).size).toBe(2 * EVENTS);
});

test('another run has other sessions', () => {
  const events = [...sent(liveRequest(), 0, 0), ...sent(liveRequest(), 0, 0)];
  expect(sessionsOf(events)).toHaveLength(2 * sessionsOf(events.slice(0, EVENTS)).length);
});

test('the door where nothing can be found in its place is refused', () => {
  const about = { count: 1, eventsPerRequest: 2, writeKey: 'k', port: 1, live: true };
  expect(() => prepareRequests(newRunIds(), { ...about, door: 'segment' })).toThrow('0 times in place of 2');
});
