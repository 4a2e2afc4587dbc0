import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sourceId } from '@wayline/store';
import fc from 'fast-check';
import { app, eventAt, type QueryUnderTest, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
beforeAll(async () => {
  query = await startQuery();
});
afterAll(() => query.close());

interface Gap {
  source: { kind: string; name: string } | null;
  after: number | null;
  before: number;
  missing: number;
  eventId: string;
}

/** A gap in few words: who, the number after which, and the one before which numbers are missing. */
const told = ({ source, after, before, missing }: Gap): string =>
  `${source?.name ?? '-'} ${after ?? ''}..${before}: ${missing}`;

/** Page by page, the numbers of the events and the gaps of each. */
async function pages(sessionId: string, limit: number, more = ''): Promise<{ events: unknown[]; gaps: Gap[] }[]> {
  const all: { events: unknown[]; gaps: Gap[] }[] = [];
  for (let cursor: string | null = ''; cursor !== null; ) {
    const page = await query.read(
      `/v1/sessions/${sessionId}/events?limit=${limit}${more}${cursor && `&cursor=${cursor}`}`,
    );
    all.push(page);
    cursor = page.nextCursor;
  }
  return all;
}

const wholeOf = async (sessionId: string): Promise<{ gaps: Gap[]; missing: number; truncated?: true }> =>
  query.read(`/v1/sessions/${sessionId}/gaps`);

describe('T12: numbers that are missing', () => {
  const numbered = (sessionId: string, ...numbers: number[]) =>
    numbers.map((seq, i) => eventAt(i * 1_000, { sessionId, seq, ...app('shop') }));

  test('are told with the page of the event after them, for each source instance by itself', async () => {
    const of = (ms: number, seq: number | undefined, instance?: string) =>
      eventAt(ms, { sessionId: 'two', seq, source: { kind: 'app', name: 'shop', version: '1', instance } });
    await query.store([
      of(0, 0, 'x'),
      of(1, 0, 'y'),
      of(2, 3, 'x'),
      of(3, 1, 'y'),
      of(4, undefined, 'x'),
      of(5, 4, 'x'),
    ]);
    const { events, gaps } = await query.read('/v1/sessions/two/events');
    expect(gaps).toEqual([
      {
        source: { kind: 'app', name: 'shop', version: '1', instance: 'x' },
        after: 0,
        before: 3,
        missing: 2,
        eventId: events[2].eventId,
      },
    ]);
    expect(await wholeOf('two')).toEqual({ gaps, missing: 2 });
    expect((await pages('two', 2)).map((page) => page.gaps.map(told))).toEqual([[], ['shop 0..3: 2'], []]);
    // Between the pages: it belongs to the one with the event after it.
    expect((await pages('two', 1)).map((page) => page.gaps.length)).toEqual([0, 0, 1, 0, 0, 0]);
  });

  test('are told with the first event of a number, in the order of the session and not of the clocks', async () => {
    const first = eventAt(5_000, { sessionId: 'again', seq: 5, ...app('shop') });
    const second = eventAt(1_000, { sessionId: 'again', seq: 5, ...app('shop') });
    await query.store([eventAt(0, { sessionId: 'again', seq: 1, ...app('shop') }), first]);
    await query.store([second], { skewMs: 60_000 });
    const { gaps } = await wholeOf('again');
    expect(gaps).toMatchObject([{ after: 1, before: 5, missing: 3, eventId: first.eventId }]);
    expect((await query.read('/v1/sessions/again/events')).gaps).toEqual(gaps);
  });

  test('go when the events come late, or the gap becomes smaller', async () => {
    await query.store(numbered('late', 1, 5));
    expect((await wholeOf('late')).gaps.map(told)).toEqual(['shop 1..5: 3']);
    await query.store([eventAt(500, { sessionId: 'late', seq: 3, ...app('shop') })]);
    expect((await wholeOf('late')).gaps.map(told)).toEqual(['shop 1..3: 1', 'shop 3..5: 1']);
    // Whatever their time: numbers are held against numbers.
    await query.store([
      eventAt(90_000, { sessionId: 'late', seq: 2, ...app('shop') }),
      eventAt(-90_000, { sessionId: 'late', seq: 4, ...app('shop') }),
    ]);
    expect(await wholeOf('late')).toEqual({ gaps: [], missing: 0 });
    expect((await pages('late', 2)).flatMap((page) => page.gaps)).toEqual([]);
  });

  test('are told before the first number where that is above 1: a counter begins at 0 or 1', async () => {
    for (const first of [0, 1, 2, 9]) await query.store(numbered(`from-${first}`, first, first + 1));
    expect((await wholeOf('from-0')).gaps).toEqual([]);
    expect((await wholeOf('from-1')).gaps).toEqual([]);
    expect((await wholeOf('from-2')).gaps.map(told)).toEqual(['shop ..2: 1']);
    expect((await pages('from-9', 1)).map((page) => page.gaps.map(told))).toEqual([['shop ..9: 8'], []]);
  });

  test('are counted once where several events have the number after them', async () => {
    await query.store([...numbered('twice', 0, 4), eventAt(5_000, { sessionId: 'twice', seq: 4, ...app('shop') })]);
    expect((await pages('twice', 1)).map((page) => page.gaps.length)).toEqual([0, 1, 0]);
  });

  test('of events without a source, and of one whose hash belonged to another name, are told as any other', async () => {
    await query.pool.query(`INSERT INTO sources (project_id, id, kind, name) VALUES (1, $1, 2, 'squatter')`, [
      sourceId({ kind: 'app', name: 'taken' }),
    ]);
    await query.store(
      [0, 4].flatMap((seq) => [
        eventAt(seq, { sessionId: 'odd', seq }),
        eventAt(seq, { sessionId: 'odd', seq: seq * 2, ...app('taken') }),
      ]),
    );
    const [bare, taken] = (await wholeOf('odd')).gaps.sort((a, b) => a.missing - b.missing);
    expect(bare).toMatchObject({ source: null, after: 0, before: 4, missing: 3 });
    expect(taken).toMatchObject({ source: { kind: 'app', name: 'taken' }, after: 0, before: 8, missing: 7 });
  });

  test('of very many the first are told, and how many numbers are missing in all', async () => {
    await query.store(Array.from({ length: 1_100 }, (_, n) => eventAt(n, { sessionId: 'holes', seq: n * 2 })));
    const { gaps, missing, truncated } = await wholeOf('holes');
    expect([gaps.length, missing, truncated]).toEqual([1_000, 1_099, true]);
    expect(gaps[0]).toMatchObject({ after: 0, before: 2 });
    const [page] = await pages('holes', 1_000);
    expect(page?.gaps).toHaveLength(999);
  });

  test('are as large as numbers may be', async () => {
    await query.store(numbered('large', 0, Number.MAX_SAFE_INTEGER));
    expect((await wholeOf('large')).gaps).toMatchObject([
      { before: Number.MAX_SAFE_INTEGER, missing: Number.MAX_SAFE_INTEGER - 1 },
    ]);
  });

  test('with a filter by type, those are told that end at an event of the page', async () => {
    await query.store([
      eventAt(0, { sessionId: 'typed', seq: 0 }),
      eventAt(1, { sessionId: 'typed', seq: 2, type: 'click' }),
      eventAt(2, { sessionId: 'typed', seq: 3 }),
      eventAt(3, { sessionId: 'typed', seq: 4, type: 'click' }),
    ]);
    const [page] = await pages('typed', 10, '&type=click');
    expect(page?.events).toHaveLength(2);
    expect(page?.gaps.map(told)).toEqual(['- 0..2: 1']);
  });

  test('I5: are those of the project, and of a session that it has', async () => {
    await query.store(numbered('two', 0, 9), { projectId: 2 });
    expect((await query.read('/v1/sessions/two/gaps', { projectId: 2 })).gaps.map(told)).toEqual(['shop 0..9: 8']);
    expect(await query.get('/v1/sessions/nobody/gaps')).toMatchObject({ status: 404, body: { code: 'not_found' } });
  });

  test('are what a recount finds, over pages of any size, in any order of arrival', async () => {
    const event = fc.record({
      name: fc.constantFrom('a', 'b', undefined),
      seq: fc.option(fc.nat(12), { nil: undefined }),
      ms: fc.nat(20),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(event, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 5 }),
        async (given, limit) => {
          const sessionId = `any-${run++}`;
          await query.store(given.map(({ name, seq, ms }) => eventAt(ms, { sessionId, seq, ...(name && app(name)) })));
          const expected = ['-', 'a', 'b'].flatMap((source) => {
            const numbers = new Set(given.flatMap(({ name, seq }) => ((name ?? '-') === source ? (seq ?? []) : [])));
            const sorted = [...numbers].sort((a, b) => a - b);
            return sorted.flatMap((before, i) => {
              const after = sorted[i - 1];
              const missing = before - (after ?? 0) - 1;
              return missing > 0 ? [`${source} ${after ?? ''}..${before}: ${missing}`] : [];
            });
          });
          const whole = await wholeOf(sessionId);
          expect(whole.gaps.map(told).sort()).toEqual(expected.sort());
          const read = await pages(sessionId, limit);
          expect(read.flatMap(({ gaps }) => gaps.map(told)).sort()).toEqual(expected);
          for (const { events, gaps } of read) {
            const ids = (events as { eventId: string }[]).map(({ eventId }) => eventId);
            for (const gap of gaps) expect(ids).toContain(gap.eventId);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});
