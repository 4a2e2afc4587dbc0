import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { app, eventAt, type QueryUnderTest, SESSION_START, startQuery } from './query-under-test.ts';

/** What lists promise while events arrive between two of their pages. */
let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery();
});
afterAll(() => query.close());

const HOUR = 3_600_000;

/** All pages of a list; before each page after the first something may happen. */
async function readAll<T>(path: string, list: string, between: (page: number) => Promise<void>): Promise<T[]> {
  const all: T[] = [];
  for (let cursor: string | null = '', page = 0; cursor !== null; page++) {
    if (page > 0) await between(page);
    const answer = await query.read(`${path}${cursor && `&cursor=${cursor}`}`);
    all.push(...answer[list]);
    cursor = answer.nextCursor;
  }
  return all;
}

const ids = (sessions: { sessionId: string }[]): string[] => sessions.map(({ sessionId }) => sessionId);

describe('while events arrive', () => {
  test('a list of sessions leaves none out that was there when it began, and none moves but to its new place', async () => {
    const on = { machineId: 'm-sessions' };
    const at = (hour: number, sessionId: string) => eventAt(hour * HOUR, { sessionId, ...on });
    await query.store(Array.from({ length: 8 }, (_, n) => at(n, `s-${n}`)));
    const seen = await readAll<{ sessionId: string }>(
      '/v1/machines/m-sessions/sessions?limit=2',
      'sessions',
      async (page) => {
        // New ones, one that was told and one that was not yet begin earlier than known, and one goes on.
        if (page === 1) await query.store([at(100, 'new'), at(1.5, 's-7'), at(-10, 's-4'), at(50, 's-2')]);
        if (page === 2) await query.store([at(101, 'newer')]);
      },
    );
    expect(ids(seen)).toEqual(['s-7', 's-6', 's-5', 's-3', 's-2', 's-7', 's-1', 's-0', 's-4']);
  });

  test('so does one of a range, for long sessions and for those that become long', async () => {
    const on = { machineId: 'm-long' };
    const at = (hour: number, sessionId: string) => eventAt(hour * HOUR, { sessionId, ...on });
    await query.store([...Array.from({ length: 6 }, (_, n) => at(n, `l-${n}`)), at(-90, 'l-long'), at(3, 'l-long')]);
    const range = `from=${SESSION_START}&to=${SESSION_START + 9 * HOUR}`;
    const seen = await readAll<{ sessionId: string }>(
      `/v1/sessions?machineId=m-long&${range}&limit=2`,
      'sessions',
      async (page) => {
        if (page === 1) await query.store([at(-60, 'l-1'), at(-100, 'l-0')]);
      },
    );
    expect(ids(seen)).toEqual(['l-5', 'l-4', 'l-3', 'l-2', 'l-1', 'l-long', 'l-0']);
  });

  test('the timeline of a machine tells each event that was there once, in its place', async () => {
    const at = (ms: number, sessionId: string, skewMs = 0) =>
      query.store([eventAt(ms, { sessionId, machineId: 'm-time' })], { skewMs });
    for (let n = 0; n < 6; n++) await at(n * 1_000, `t-${n % 2}`);
    const seen = await readAll<{ occurredAt: string }>(
      '/v1/machines/m-time/timeline?limit=2',
      'events',
      async (page) => {
        if (page === 1) {
          await at(500, 't-0'); // before the cursor
          await at(1_000, 't-0'); // at its time, before it
          await at(1_000, 't-9'); // at its time, after it
          await at(4_500, 't-1', -20 * HOUR); // ahead of it, though corrected to long before
        }
      },
    );
    expect(seen.map(({ occurredAt }) => Date.parse(occurredAt) - SESSION_START)).toEqual([
      0, 1_000, 1_000, 2_000, 3_000, 4_000, 4_500, 5_000,
    ]);
  });

  test('the events of a session: each that was there is told, once unless others share its time and source', async () => {
    const event = fc.record({
      id: fc.uuid(),
      ms: fc.nat(6),
      name: fc.constantFrom('a', 'b', undefined),
      seq: fc.option(fc.nat(4), { nil: undefined }),
      skewMs: fc.constantFrom(0, 0, 6_000),
    });
    const some = (minLength: number) => fc.uniqueArray(event, { minLength, maxLength: 14, selector: ({ id }) => id });
    let run = 0;
    let repeated = 0;
    await fc.assert(
      fc.asyncProperty(some(4), some(1), fc.integer({ min: 1, max: 5 }), async (first, later, limit) => {
        const sessionId = `growing-${run++}`;
        const store = async (events: typeof first) => {
          for (const skewMs of [0, 6_000]) {
            const of = events.filter((each) => each.skewMs === skewMs);
            const given = of.map(({ id, ms, name, seq }) =>
              eventAt(ms - skewMs, { sessionId, eventId: id, seq, ...(name && app(name)) }),
            );
            if (given.length > 0) await query.store(given, { skewMs });
          }
        };
        await store(first);
        const rest = [...later];
        const seen = await readAll<{ eventId: string; correctedAt: string }>(
          `/v1/sessions/${sessionId}/events?limit=${limit}`,
          'events',
          () => store(rest.splice(0, 3)),
        );
        const told = seen.map(({ eventId }) => eventId);
        for (const { id } of first) expect(told).toContain(id);
        const times = seen.map(({ correctedAt }) => correctedAt);
        expect(times).toEqual([...times].sort());
        for (const { id, ms, name, seq } of first) {
          const shared = later.some((other) => other.ms === ms && other.name === name && other.seq !== undefined);
          const count = told.filter((each) => each === id).length;
          if (!shared || seq === undefined) expect(count).toBe(1);
          else if (count > 1) repeated++;
        }
      }),
      { numRuns: 80 },
    );
    expect(repeated).toBeLessThan(20);
  });
});

describe('A14: the sessions that touched a machine in an interval', () => {
  test('are those whose events name it then, not those that were there while it was not used', async () => {
    const at = (hour: number, sessionId: string, machineId?: string) =>
      eventAt(hour * HOUR, { sessionId, ...(machineId && { machineId }) });
    await query.store([
      at(0, 'moves', 'kiosk'),
      at(1, 'moves', 'kiosk'),
      at(2, 'moves', 'tablet'),
      at(5, 'moves', 'tablet'),
      at(3, 'stays', 'kiosk'),
      at(4, 'stays', 'kiosk'),
      at(9, 'stays'),
      at(30, 'comes-late'),
      at(-9, 'comes-late', 'kiosk'),
    ]);
    const touched = async (machine: string, from: number, to: number) => {
      const range = `from=${SESSION_START + from * HOUR}&to=${SESSION_START + to * HOUR}`;
      return ids((await query.read(`/v1/machines/${machine}/sessions?${range}`)).sessions);
    };
    expect(await touched('kiosk', 0, 2)).toEqual(['moves']);
    expect(await touched('kiosk', 1, 3)).toEqual(['moves']);
    expect(await touched('kiosk', 2, 3)).toEqual([]);
    expect(await touched('kiosk', 2, 4)).toEqual(['stays']);
    expect(await touched('kiosk', 5, 10)).toEqual([]);
    expect(await touched('kiosk', -10, 10)).toEqual(['stays', 'moves', 'comes-late']);
    expect(await touched('kiosk', 10, 40)).toEqual([]);
    expect(await touched('tablet', 0, 2)).toEqual([]);
    expect(await touched('tablet', 3, 4)).toEqual(['moves']);
    // A list of sessions goes by the session's own time, as ever.
    const { sessions } = await query.read(
      `/v1/sessions?machineId=kiosk&from=${SESSION_START + 5 * HOUR}&to=${SESSION_START + 10 * HOUR}`,
    );
    expect(ids(sessions)).toEqual(['stays', 'moves', 'comes-late']);
    expect(ids((await query.read('/v1/machines/kiosk/sessions')).sessions)).toHaveLength(3);
  });
});
