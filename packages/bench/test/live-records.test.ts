import { expect, test } from '@jest/globals';
import { liveRecords } from '../src/load/live-records.ts';

interface Envelope {
  project: number;
  receivedAt: number;
  event: { eventId: string; sessionId: string; occurredAt: string; userId: string };
}

const PREPARED = 40;
const NOW = Date.UTC(2026, 10, 22);

/** What two passes over the same records give, each record at a time of its own. */
function twoPasses(seed = 7): { key: string; envelope: Envelope }[] {
  const next = liveRecords({ prepared: PREPARED, seed });
  return Array.from({ length: 2 * PREPARED }, (_, i) => {
    const { key, value } = next(NOW + i);
    return { key: key as string, envelope: JSON.parse(value.toString()) as Envelope };
  });
}

test('records are of the time that is given, each with its session for a key and an id that no other has', () => {
  const records = twoPasses();
  for (const [i, { key, envelope }] of records.entries()) {
    expect(envelope).toMatchObject({ project: 1, receivedAt: NOW + i });
    expect(Date.parse(envelope.event.occurredAt)).toBe(NOW + i);
    expect(key).toBe(envelope.event.sessionId);
  }
  expect(new Set(records.map(({ envelope }) => envelope.event.eventId)).size).toBe(records.length);
});

test('the second pass has other sessions, of the same users', () => {
  const records = twoPasses();
  const [first, second] = [records.slice(0, PREPARED), records.slice(PREPARED)];
  const sessions = (some: typeof records) => new Set(some.map(({ key }) => key));
  expect(sessions(second).size).toBe(sessions(first).size);
  expect(sessions(records).size).toBe(2 * sessions(first).size);
  const users = (some: typeof records) => some.map(({ envelope }) => envelope.event.userId);
  expect(users(second)).toEqual(users(first));
});
