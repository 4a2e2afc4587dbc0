import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import { remakeHops, sourceId } from '@wayline/store';
import fc from 'fast-check';
import { flowOf, type SeenEvent } from './flow-of.ts';
import { app, eventAt, microservice, type QueryUnderTest, SESSION_START, startQuery } from './query-under-test.ts';

let query: QueryUnderTest;
let nowMs = SESSION_START + 60_000;
beforeAll(async () => {
  query = await startQuery({ now: () => nowMs });
});
afterAll(() => query.close());
const empty = () =>
  query.pool.query('TRUNCATE events, sessions, session_machines, session_hops, hop_days, dirty_sessions');
beforeEach(empty);

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const iso = (ms: number): string => new Date(SESSION_START + ms).toISOString();
const { signal } = new AbortController();

/** Remakes what is marked, however lately it was. */
async function remake(): Promise<void> {
  await query.pool.query("UPDATE dirty_sessions SET dirty_at = dirty_at - interval '1 minute'");
  await remakeHops(query.pool, signal);
}

const asking = { scopes: ['aggregation' as const] };
const graph = async (range = '', projectId = 1) => {
  await query.seeLog();
  return query.read(`/v1/navigation${range}`, { ...asking, projectId });
};

/** Visits one after the other, a minute apart, from some minute on. */
const path = (sessionId: string, minute: number, ...apps: string[]): IdentifiedEvent[] =>
  apps.map((name, i) => eventAt((minute + i) * MINUTE, { sessionId, ...app(name) }));

describe('A1, A13: the graph of apps', () => {
  test('tells hops, sessions, shares, loops and stays for each edge; entries, exits and returns for each app', async () => {
    await query.store([
      ...path('s-1', 0, 'shop', 'pay', 'shop', 'pay', 'help'),
      ...path('s-2', 10, 'shop', 'shop', 'shop', 'pay'),
      ...path('s-3', 20, 'help'),
      eventAt(0, { sessionId: 's-4', ...microservice('cart') }),
    ]);
    await remake();
    expect(await graph()).toEqual({
      nodes: [
        { app: 'shop', sessions: 2, entries: 2, hopsIn: 1, hopsOut: 3, exits: 0, dropOff: 0, returns: 1 },
        { app: 'pay', sessions: 2, entries: 0, hopsIn: 3, hopsOut: 2, exits: 1, dropOff: 1 / 3, returns: 1 },
        { app: 'help', sessions: 2, entries: 1, hopsIn: 1, hopsOut: 0, exits: 2, dropOff: 1, returns: 0 },
      ],
      edges: [
        { from: 'shop', to: 'pay', sessions: 2, hops: 3, share: 1, loops: 1, p50Ms: MINUTE, p95Ms: 3 * MINUTE },
        { from: 'pay', to: 'help', sessions: 1, hops: 1, share: 0.5, loops: 0, p50Ms: MINUTE, p95Ms: MINUTE },
        { from: 'pay', to: 'shop', sessions: 1, hops: 1, share: 0.5, loops: 1, p50Ms: MINUTE, p95Ms: MINUTE },
      ],
      completeThrough: iso(MINUTE),
      lagging: [],
    });
  });

  test('takes the visits that begin in the range: from inclusive, to exclusive', async () => {
    await query.store(path('s-1', 0, 'shop', 'pay', 'help'));
    await remake();
    const between = async (from: number, to: number) => {
      const { nodes, edges } = await graph(`?from=${iso(from * MINUTE)}&to=${iso(to * MINUTE)}`);
      return [
        ...nodes.filter(({ entries }: { entries: number }) => entries > 0).map((node: { app: string }) => node.app),
        ...edges.map(({ from: a, to: b }: { from: string; to: string }) => `${a} ${b}`),
      ];
    };
    expect(await between(0, 1)).toEqual(['shop']);
    expect(await between(1, 2)).toEqual(['shop pay']);
    expect(await between(0, 2)).toEqual(['shop', 'shop pay']);
    expect(await between(2, 3)).toEqual(['pay help']);
    expect(await between(3, 100)).toEqual([]);
    expect(await between(-100, 0)).toEqual([]);
  });

  test('a late event splits a hop, and is told of once it is remade', async () => {
    await query.store(path('s-1', 0, 'shop', 'pay'));
    await remake();
    await query.store([eventAt(MINUTE / 2, { sessionId: 's-1', ...app('help') })]);
    await remake();
    const { edges } = await graph();
    expect(edges).toMatchObject([
      { from: 'help', to: 'pay', hops: 1, p50Ms: MINUTE / 2 },
      { from: 'shop', to: 'help', hops: 1, p50Ms: MINUTE / 2 },
    ]);
  });

  test('any events, stored in any order and remade in between or not, give what a recount of the events gives', async () => {
    const HOURS = 80;
    const event = fc.record({
      session: fc.constantFrom('s-1', 's-2', 's-3', 's-4'),
      app: fc.constantFrom('a', 'a', 'b', 'b', 'c', 'd', undefined),
      // Few slots at random times of some days, so that there are ties and long sessions.
      slot: fc.nat(39),
      seq: fc.option(fc.nat(3), { nil: undefined }),
    });
    const batch = fc.record({
      events: fc.array(event, { minLength: 1, maxLength: 12, size: 'max' }),
      skewMs: fc.constantFrom(0, 0, 7_000, -3 * HOUR),
      projectId: fc.constantFrom(1, 1, 1, 2),
      remade: fc.boolean(),
    });
    const rangeOf = fc.record({ from: fc.integer({ min: -2, max: HOURS }), hours: fc.nat(HOURS) });
    let compared = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(batch, { minLength: 1, maxLength: 9, size: 'max' }),
        fc.array(rangeOf, { minLength: 4, maxLength: 4 }),
        async (given, ranges) => {
          await empty();
          for (const { events, remade, ...stored } of given) {
            await query.store(
              events.map(({ session: sessionId, app: name, slot, seq }) => {
                const source = name === undefined ? microservice('m') : app(name);
                return eventAt(slot * 2 * HOUR + (slot % 3) * 1_234, { sessionId, seq, ...source });
              }),
              stored,
            );
            if (remade) await remake();
          }
          await remake();
          for (const projectId of [1, 2]) {
            const events = await eventsOf(projectId);
            const whole = await graph('', projectId);
            expect({ nodes: whole.nodes, edges: whole.edges }).toEqual(flowOf(events));
            for (const { from, hours } of ranges) {
              // Both of whole days (UTC; the start is at noon) and cut ones.
              const [fromMs, toMs] = [SESSION_START + from * HOUR, SESSION_START + (from + hours) * HOUR];
              const { nodes, edges } = await graph(`?from=${fromMs}&to=${toMs}`, projectId);
              expect({ nodes, edges }).toEqual(flowOf(events, { fromMs, toMs }));
              compared += edges.length;
            }
          }
        },
      ),
      { numRuns: 25 },
    );
    // Between 180 and 370 of 25 such runs: only an empty comparison is to be noticed here.
    expect(compared).toBeGreaterThan(50);
  });

  /** The events of apps of each session, in its order, as the API tells them. */
  async function eventsOf(projectId: number): Promise<SeenEvent[][]> {
    const { sessions } = await query.read('/v1/sessions?limit=1000', { projectId });
    return Promise.all(
      sessions.map(async ({ sessionId }: { sessionId: string }) => {
        const { events } = await query.read(`/v1/sessions/${sessionId}/events?limit=1000`, { projectId });
        return events.flatMap(
          ({ source, correctedAt }: { source: { kind: string; name: string }; correctedAt: string }) =>
            source.kind === 'app' ? [{ app: source.name, atMs: Date.parse(correctedAt) }] : [],
        );
      }),
    );
  }

  test('an app whose hash belonged to another name, or without a letter in its name, is one as any other', async () => {
    await query.pool.query(`INSERT INTO sources (project_id, id, kind, name) VALUES (1, $1, 2, 'squatter')`, [
      sourceId({ kind: 'app', name: 'taken' }),
    ]);
    await query.store(path('s-1', 0, 'taken', '', 'taken', ''));
    await remake();
    const { nodes, edges } = await graph();
    expect(nodes).toMatchObject([
      { app: 'taken', entries: 1, hopsIn: 1, exits: 0 },
      { app: '', entries: 0, hopsIn: 2, exits: 1 },
    ]);
    expect(edges).toMatchObject([
      { from: 'taken', to: '', hops: 2, loops: 1 },
      { from: '', to: 'taken', hops: 1, loops: 1 },
    ]);
  });

  test('of very many apps the thousand most visited are told, and that there are more', async () => {
    const apps = Array.from({ length: 1_003 }, (_, n) => `app-${n}`);
    await query.store([...path('s-1', 0, ...apps), ...path('s-2', 0, 'app-1001', 'app-1002')]);
    await remake();
    const { nodes, edges, truncated } = await graph();
    expect([nodes.length, edges.length, truncated]).toEqual([1_000, 1_000, true]);
    expect(edges[0]).toMatchObject({ from: 'app-1001', to: 'app-1002', hops: 2 });
    const first = await graph(`?to=${iso(10 * MINUTE)}`);
    expect([first.nodes.length, first.edges.length, first.truncated]).toEqual([12, 10, undefined]);
  });
});

describe('A12: the graph is complete only as far as hops are remade', () => {
  const logMs = SESSION_START - HOUR;

  test('a session whose hops are not remade yet holds it back, of its project only, until they are', async () => {
    await query.store(path('s-1', 0, 'shop', 'pay'), { logMs });
    expect(await graph()).toMatchObject({ edges: [], completeThrough: iso(-HOUR) });
    expect(await graph('', 2)).toMatchObject({ completeThrough: iso(MINUTE) });
    expect((await query.read('/v1/sessions')).completeThrough).toBe(iso(MINUTE));
    await remake();
    expect(await graph()).toMatchObject({ edges: [{ hops: 1 }], completeThrough: iso(MINUTE) });

    await query.store([eventAt(2 * MINUTE, { sessionId: 's-2', ...microservice('cart') })], { logMs });
    expect(await graph()).toMatchObject({ completeThrough: iso(MINUTE) });
  });

  test('of several such sessions the one counts of which the log took something first', async () => {
    for (const [sessionId, ms] of [
      ['s-1', 20_000],
      ['s-2', 10_000],
      ['s-3', 30_000],
    ] as const) {
      await query.store(path(sessionId, 0, 'shop', 'pay'), { logMs: SESSION_START + ms });
    }
    expect(await graph()).toMatchObject({ edges: [], completeThrough: iso(10_000) });
  });

  test('what is unread of the log holds it back as well, where that is older', async () => {
    await query.append(path('s-1', 0, 'shop', 'pay'));
    await query.store(path('s-2', 0, 'shop', 'pay'), { logMs: SESSION_START + 30_000 });
    nowMs = Date.now() + HOUR;
    try {
      expect(await graph()).toMatchObject({ completeThrough: iso(30_000), lagging: [{ records: 2 }] });
      await remake();
      const { completeThrough } = await graph();
      expect(Math.abs(Date.parse(completeThrough) - Date.now())).toBeLessThan(10 * MINUTE);
    } finally {
      nowMs = SESSION_START + MINUTE;
    }
  });
});

describe('who may ask, and for what', () => {
  test('I1: it needs the scope aggregation', async () => {
    expect((await query.get('/v1/navigation', asking)).status).toBe(200);
    expect(await query.get('/v1/navigation', { scopes: ['read', 'write', 'admin'] })).toMatchObject({
      status: 403,
      body: { code: 'forbidden' },
    });
    expect((await query.get('/v1/navigation', { credential: null })).status).toBe(401);
  });

  test('I5: a project sees its own sessions only', async () => {
    await query.store(path('s-1', 0, 'shop', 'pay'));
    await remake();
    expect(await graph('', 2)).toMatchObject({ nodes: [], edges: [] });
  });

  test.each([
    { what: 'a parameter that it has not', range: '?form=2026-01-01T00:00:00Z', says: 'it has: from, to' },
    { what: 'a time that is none', range: '?from=yesterday', says: '`from` must be an RFC 3339 time' },
    { what: 'a range that runs backwards', range: '?from=2&to=1', says: '`from` must not be after `to`' },
  ])('$what is refused', async ({ range, says }) => {
    const answer = await query.get(`/v1/navigation${range}`, asking);
    expect(answer).toMatchObject({ status: 400, body: { code: 'invalid_request' } });
    expect(answer.body.detail).toContain(says);
  });
});
