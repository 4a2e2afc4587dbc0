import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { app, eventAt, type QueryUnderTest, startQuery } from './query-under-test.ts';
import { openTail, type TailClient } from './tail-client.ts';

const READERS = 200;
const ROUNDS = 40;
const SESSIONS = 50;

let api: QueryUnderTest;
let readers: TailClient[];

beforeAll(async () => {
  api = await startQuery();
  // Each tenth follows all, the others a session.
  const queries = Array.from({ length: READERS }, (_, i) => (i % 10 === 0 ? '' : `?sessionId=s-${i % SESSIONS}`));
  readers = await Promise.all(queries.map((query) => openTail(api, query)));
});
afterAll(async () => {
  for (const reader of readers) reader.close();
  await api.close();
});

test('A10: 200 readers at once see events within a second of being stored', async () => {
  expect(readers.map(({ status }) => status)).toEqual(readers.map(() => 200));
  const storedMs = new Map<string, number>();
  for (let round = 0; round < ROUNDS; round++) {
    const events = Array.from({ length: 20 }, (_, i) =>
      eventAt(round * 100 + i, { sessionId: `s-${(round * 7 + i) % SESSIONS}`, ...app('shop') }),
    );
    await api.store(events);
    for (const { eventId } of events) storedMs.set(eventId, performance.now());
    await new Promise((resolve) => setTimeout(resolve, 37)); // so that looks come at any time between two transactions
  }
  const everything = readers.filter((_, i) => i % 10 === 0);
  await Promise.all(everything.map((reader) => reader.until(() => reader.eventIds().length === ROUNDS * 20)));
  const all = everything[0]?.blocks.map(({ data }) => data) ?? [];
  const ownOf = (i: number) => (i % 10 === 0 ? all : all.filter(({ sessionId }) => sessionId === `s-${i % SESSIONS}`));
  await Promise.all(readers.map((reader, i) => reader.until(() => reader.eventIds().length >= ownOf(i).length)));

  const latencies = readers
    .flatMap(({ blocks }) => blocks.map(({ data, atMs }) => atMs - (storedMs.get(data.eventId) as number)))
    .sort((a, b) => a - b);
  expect(latencies.length).toBeGreaterThan(ROUNDS * 20 * (READERS / 10));
  const p99 = latencies[Math.floor(latencies.length * 0.99)];
  expect(p99).toBeLessThan(1_000);
  for (const [i, reader] of readers.entries()) {
    expect({ i, events: reader.eventIds() }).toEqual({ i, events: ownOf(i).map(({ eventId }) => eventId) });
  }
});
