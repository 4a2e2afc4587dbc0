import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import { NAME_KINDS, nameId, sourceId } from '@wayline/store';
import fc from 'fast-check';
import { app, eventAt, LEAST_FIELDS, type QueryUnderTest, SESSION_START, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery();
});
afterAll(() => query.close());

interface ReadEvent {
  eventId: string;
  correctedAt: string;
  seq?: number;
  source?: { name: string };
}

/** All events of a session, page by page. */
async function readAll(sessionId: string, limit: number, more = ''): Promise<ReadEvent[]> {
  const all: ReadEvent[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await query.read(
      `/v1/sessions/${encodeURIComponent(sessionId)}/events?limit=${limit}${more}${cursor && `&cursor=${cursor}`}`,
    );
    expect(page.events.length).toBeLessThanOrEqual(limit);
    all.push(...page.events);
    cursor = page.nextCursor;
  }
  return all;
}

const idOf = (n: number): string => `00000000-0000-4000-8000-${String(n).padStart(12, '0')}`;

describe('the order of a session', () => {
  test('is that of corrected time, not of the clocks that sent', async () => {
    const session = { sessionId: 'skewed' };
    await query.store([eventAt(0, { ...session, type: 'second' })], { skewMs: 10_000 });
    await query.store([eventAt(5_000, { ...session, type: 'first' })]);
    await query.store([eventAt(60_000, { ...session, type: 'third' })], { skewMs: -45_000 });
    const { events } = await query.read('/v1/sessions/skewed/events');
    expect(events.map(({ type }: { type: string }) => type)).toEqual(['first', 'second', 'third']);
    expect(events[1]).toMatchObject({
      occurredAt: '2026-11-20T12:00:00.000Z',
      correctedAt: '2026-11-20T12:00:10.000Z',
      skewMs: 10_000,
    });
    expect(events[0]).not.toHaveProperty('skewMs');
  });

  test('T12: at one time, seq decides within a source instance, the id between sources', async () => {
    const of = (id: number, seq: number | undefined, instance: string) =>
      eventAt(0, {
        sessionId: 'tied',
        eventId: idOf(id),
        seq,
        source: { kind: 'app', name: 'shop', instance },
      });
    await query.store([of(9, 1, 'x'), of(8, 2, 'x'), of(5, 7, 'y'), of(6, undefined, 'x'), of(7, 1, 'y')]);
    const events = await readAll('tied', 100);
    expect(events.map(({ eventId }) => Number(eventId.slice(-2)))).toEqual([6, 7, 5, 9, 8]);
  });

  test('T12: holds for any events, and over pages of any size', async () => {
    const arbitrary = fc.record({
      id: fc.uuid(),
      ms: fc.integer({ min: 0, max: 2 }),
      seq: fc.option(fc.integer({ min: 0, max: 4 }), { nil: undefined }),
      source: fc.constantFrom(undefined, 'a', 'b'),
      skewMs: fc.constantFrom(0, 0, 6_000, -7_000),
    });
    let run = 0;
    let withoutCircle = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.uniqueArray(arbitrary, { minLength: 1, maxLength: 14, selector: ({ id }) => id }),
        fc.integer({ min: 1, max: 6 }),
        async (given, limit) => {
          const sessionId = `any-${run++}`;
          for (const skewMs of [0, 6_000, -7_000]) {
            const events = given
              .filter((each) => each.skewMs === skewMs)
              .map(({ id, ms, seq, source }) =>
                eventAt(ms - skewMs, { sessionId, eventId: id, seq, ...(source && app(source)) }),
              );
            if (events.length > 0) await query.store(events, { skewMs });
          }
          const all = await readAll(sessionId, limit);
          expect(await readAll(sessionId, 1000)).toEqual(all);
          expect(all.map(({ eventId }) => eventId).sort()).toEqual(given.map(({ id }) => id).sort());
          for (const [i, a] of all.entries()) {
            for (const b of all.slice(i + 1)) {
              expect(a.correctedAt <= b.correctedAt).toBe(true);
              if (a.correctedAt === b.correctedAt && sameSourceWithSeq(a, b)) expect(pairwise(a, b)).toBeLessThan(0);
            }
          }
          const only = orderWithoutCircle(all);
          if (only) {
            withoutCircle++;
            expect(all).toEqual(only);
          }
        },
      ),
      { numRuns: 60 },
    );
    expect(withoutCircle).toBeGreaterThan(5);
  });

  test('an event that arrives between two pages shifts none of the others', async () => {
    const session = { sessionId: 'growing' };
    await query.store([0, 10, 20, 30].map((ms) => eventAt(ms, session)));
    const first = await query.read('/v1/sessions/growing/events?limit=2');
    await query.store([eventAt(5, session), eventAt(25, session)]);
    const second = await query.read(`/v1/sessions/growing/events?limit=10&cursor=${first.nextCursor}`);
    const times = [...first.events, ...second.events].map(
      ({ correctedAt }: ReadEvent) => Date.parse(correctedAt) - SESSION_START,
    );
    expect(times).toEqual([0, 10, 20, 25, 30]);
  });

  test('events of one id whose corrected times are the same are both there, over pages', async () => {
    const eventId = idOf(1);
    await query.store([eventAt(6_000, { sessionId: 'same-id', eventId })]);
    await query.store([eventAt(0, { sessionId: 'same-id', eventId })], { skewMs: 6_000 });
    expect(await readAll('same-id', 1)).toHaveLength(2);
  });
});

const sameSourceWithSeq = (a: ReadEvent, b: ReadEvent): boolean =>
  a.seq !== undefined && b.seq !== undefined && a.source?.name === b.source?.name;

/** The contract's comparison of two events, word for word. */
function pairwise(a: ReadEvent, b: ReadEvent): number {
  if (a.correctedAt !== b.correctedAt) return a.correctedAt < b.correctedAt ? -1 : 1;
  if (sameSourceWithSeq(a, b) && a.seq !== b.seq) return (a.seq as number) - (b.seq as number);
  return a.eventId < b.eventId ? -1 : 1;
}

/** The one order that agrees with every pair; undefined where the pairs run in a circle. */
function orderWithoutCircle(events: ReadEvent[]): ReadEvent[] | undefined {
  const before = new Map(events.map((e) => [e, events.filter((o) => o !== e && pairwise(o, e) < 0).length]));
  if (new Set(before.values()).size < events.length) return undefined;
  return [...events].sort((a, b) => (before.get(a) as number) - (before.get(b) as number));
}

describe('what an event is read as', () => {
  test('every field comes back as it was sent, the context character by character', async () => {
    const event: IdentifiedEvent = {
      eventId: '01a1f8d3-ea00-75cb-ae44-927533b4b6e5',
      sessionId: 'all / fields?',
      type: 'serviceCall',
      namespace: 'server-1',
      occurredAt: SESSION_START,
      userId: 'u 漢',
      anonymousId: '',
      machineId: 'm',
      platform: 'embedded',
      source: { kind: 'microservice', name: 'cart', version: '2', instance: 'pod-1' },
      target: 'op',
      page: '/p?q=1',
      referrer: 'r',
      userAgent: 'agent',
      value: -1.5e-300,
      seq: Number.MAX_SAFE_INTEGER,
      context: { __proto__: undefined, 'a"b': [1, { deep: null }], '\u2028': '\u{1F600}' },
    };
    await query.store([event], { receivedMs: SESSION_START + 77 });
    await query.pool.query(
      `UPDATE events SET context = '{"big": 12345678901234567890, "a":1.0,"a":2}' WHERE session_id = $1`,
      [event.sessionId],
    );
    const { text, body } = await query.get(`/v1/sessions/${encodeURIComponent(event.sessionId)}/events`);
    expect(text).toContain('"context":{"big": 12345678901234567890, "a":1.0,"a":2}');
    expect(body.events[0]).toEqual({
      ...event,
      occurredAt: '2026-11-20T12:00:00.000Z',
      correctedAt: '2026-11-20T12:00:00.000Z',
      receivedAt: '2026-11-20T12:00:00.077Z',
      context: expect.anything(),
    });
  });

  test('an event with the least it needs has no empty fields', async () => {
    await query.store([eventAt(0, { sessionId: 'least' })]);
    const { events } = await query.read('/v1/sessions/least/events');
    expect(Object.keys(events[0])).toEqual(LEAST_FIELDS);
    expect(events[0].namespace).toBe('default');
  });

  test('names whose hash belonged to another name are read, found and counted as any other', async () => {
    const event = eventAt(0, {
      sessionId: 'inline',
      type: 'taken',
      namespace: 'taken-too',
      userAgent: 'taken agent',
      source: { kind: 'app', name: 'taken-app', version: '9' },
    });
    const squat = (kind: number, id: string) =>
      query.pool.query(`INSERT INTO names (project_id, kind, id, name) VALUES (1, $1, $2, 'squatter')`, [kind, id]);
    await squat(NAME_KINDS.type, nameId(NAME_KINDS.type, 'taken'));
    await squat(NAME_KINDS.namespace, nameId(NAME_KINDS.namespace, 'taken-too'));
    await squat(NAME_KINDS.userAgent, nameId(NAME_KINDS.userAgent, 'taken agent'));
    await query.pool.query(`INSERT INTO sources (project_id, id, kind, name) VALUES (1, $1, 2, 'squatter')`, [
      sourceId({ kind: 'app', name: 'taken-app', version: '9' }),
    ]);
    await query.store([event, eventAt(5, { sessionId: 'inline', ...app('other') })]);
    const { events } = await query.read('/v1/sessions/inline/events?type=taken');
    expect(events).toHaveLength(1);
    expect(events[0]).toMatchObject({
      type: 'taken',
      namespace: 'taken-too',
      userAgent: 'taken agent',
      source: { kind: 'app', name: 'taken-app', version: '9' },
    });
    expect((await query.read('/v1/sessions/inline/events?type=squatter')).events).toEqual([]);
    expect((await query.read('/v1/sessions/inline/components')).apps).toMatchObject([
      { name: 'taken-app', count: 1 },
      { name: 'other', count: 1 },
    ]);
    expect((await query.read('/v1/sessions/inline/navigation')).hops).toMatchObject([
      { from: 'taken-app', to: 'other' },
    ]);
  });
});

describe('pages', () => {
  beforeAll(() =>
    query.store(
      Array.from({ length: 250 }, (_, n) =>
        eventAt(n, { sessionId: 'paged', type: n % 3 === 0 ? 'click' : 'pageVisit' }),
      ),
    ),
  );

  test('hold 100 events unless told otherwise, and the last says that nothing follows', async () => {
    const first = await query.read('/v1/sessions/paged/events');
    expect(first.events).toHaveLength(100);
    expect(typeof first.nextCursor).toBe('string');
    expect((await query.read('/v1/sessions/paged/events?limit=1000')).nextCursor).toBeNull();
    expect((await query.read('/v1/sessions/paged/events?limit=250')).nextCursor).toBeNull();
  });

  test('of one type are those of the whole, and nothing else', async () => {
    const clicks = await readAll('paged', 7, '&type=click');
    const all = await readAll('paged', 1000);
    expect(clicks).toEqual(all.filter((_, n) => n % 3 === 0));
    expect((await query.read('/v1/sessions/paged/events?type=never')).events).toEqual([]);
  });

  test('a cursor is refused by every other list', async () => {
    await query.store([eventAt(0, { sessionId: 'other' })]);
    const { nextCursor } = await query.read('/v1/sessions/paged/events?limit=2');
    for (const path of [
      `/v1/sessions/other/events?cursor=${nextCursor}`,
      `/v1/sessions/paged/events?type=click&cursor=${nextCursor}`,
      `/v1/sessions?cursor=${nextCursor}`,
      `/v1/sessions/paged/events?cursor=${nextCursor}x`,
      '/v1/sessions/paged/events?cursor=nonsense',
    ]) {
      expect(await query.get(path)).toMatchObject({ status: 400, body: { code: 'invalid_cursor' } });
    }
    const { events } = await query.read(`/v1/sessions/paged/events?limit=5&cursor=${nextCursor}`);
    expect(events).toHaveLength(5);
  });
});
