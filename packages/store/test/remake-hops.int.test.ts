import { beforeEach, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import fc from 'fast-check';
import type pg from 'pg';
import { takeStretches } from '../src/hops/take-stretches.ts';
import { inTransaction } from '../src/in-transaction.ts';
import { eraseUser, locateSession, remakeHops, sessionHops } from '../src/index.ts';
import { deleteExpiredSessions } from '../src/maintenance/delete-expired-sessions.ts';
import { createPace } from '../src/maintenance/pacing.ts';
import { eventOf, type RecordOptions, storeVerdict } from './batches.ts';
import { explainWrites } from './explain-reads.ts';
import { storeUnderTest } from './store-under-test.ts';
import { expectedVisits, keptVisits, wrongHopDays } from './visits.ts';

/** Slots reach over midnight. */
const SLOT_MS = 3 * 3_600_000;

/** An older program knows nothing of skews: of what it stored, no session says any. */
const STORED_BY_OLDER = `UPDATE sessions SET least_skew_ms = 0, greatest_skew_ms = 0, skews_of = skews_of - 1`;

const RUNS = 60;

const { signal } = new AbortController();

const given = storeUnderTest();
let pool: pg.Pool;
beforeEach(() => {
  ({ pool } = given());
});

async function store(events: readonly IdentifiedEvent[], options: RecordOptions = {}): Promise<void> {
  const records = events.map((event) => storeVerdict(event, options));
  await given().write(records);
}

/** Marks as old as they have to be. */
async function remake(which = 'true'): Promise<number> {
  await pool.query(`UPDATE dirty_sessions SET dirty_at = dirty_at - interval '1 minute' WHERE ${which}`);
  return (await remakeHops(pool, signal)).sessions;
}

/** Some of them: as it goes where marks come while others are taken. */
const remakeSome = (seed: number) => remake(`abs(hashtext(ctid::text || '${seed}')) % 2 = 0`);

const at = (minute: number) => new Date(Date.UTC(2026, 10, 20, 12, minute)).toISOString();
const inApp = (name: string, minute: number, given: Partial<IdentifiedEvent> = {}) =>
  eventOf({ occurredAt: at(minute), source: { kind: 'app', name }, ...given });

async function kept(sessionId = 's-1', projectId = 1): Promise<string[]> {
  const { rows } = await pool.query(
    `SELECT from_app, to_app, at FROM session_hops WHERE project_id = $1 AND session_id = $2 AND stay_class >= 0 ORDER BY at, nth`,
    [projectId, sessionId],
  );
  return rows.map((row) => `${row.from_app} ${row.to_app} ${row.at}`).sort();
}

async function computed(sessionId = 's-1', projectId = 1): Promise<string[]> {
  const place = await locateSession(pool, projectId, sessionId);
  const hops = place ? await sessionHops(pool, place, 10_000) : [];
  return hops.map(({ from, to, atMs }) => `${from} ${to} ${atMs}`).sort();
}

const marked = async () =>
  (await pool.query('SELECT session_id FROM dirty_sessions')).rows.map((row) => row.session_id);

test('A1: hops stand as they are computed when a session is read, and one late event splits one', async () => {
  await store([inApp('shop', 1), inApp('shop', 2), inApp('pay', 5), eventOf({ occurredAt: at(6) })]);
  expect(await remake()).toBe(1);
  expect(await kept()).toEqual([`shop pay ${Date.parse(at(5))}`]);
  await store([inApp('help', 3)]);
  await remake();
  expect(await kept()).toEqual([`help pay ${Date.parse(at(5))}`, `shop help ${Date.parse(at(3))}`]);
  await store([inApp('pay', 0)]);
  await remake();
  expect(await kept()).toEqual(await computed());
  expect(await remake()).toBe(0);
});

test('A1: a pass that has no time left remakes nothing, and keeps the marks', async () => {
  await store([inApp('shop', 1), inApp('pay', 5)]);
  await pool.query(`UPDATE dirty_sessions SET dirty_at = dirty_at - interval '1 minute'`);
  expect(await remakeHops(pool, signal, { longestMs: 0 })).toEqual({ sessions: 0, isDone: false });
  expect(await remakeHops(pool, signal, { longestMs: 10_000 })).toEqual({ sessions: 1, isDone: true });
});

test('O4: a pass in short pieces takes few marks at a time', async () => {
  for (const sessionId of ['s-1', 's-2', 's-3'])
    await store([inApp('shop', 1, { sessionId }), inApp('pay', 5, { sessionId })]);
  await pool.query(`UPDATE dirty_sessions SET dirty_at = dirty_at - interval '1 minute'`);
  expect(await remakeHops(pool, signal, { longestMs: 1, marksAtOnce: 2 })).toEqual({ sessions: 2, isDone: false });
  expect(await remakeHops(pool, signal, { marksAtOnce: 1 })).toEqual({ sessions: 1, isDone: true });
});

/** What may happen after an event was stored. */
const THEN = ['store', 'store', 'remake', 'remake some', 'erase', 'store as an older program did'] as const;

test('O4: a session that was marked many times while many waited is remade once, and no other for it', async () => {
  await store([inApp('shop', 1), inApp('pay', 5)]);
  await pool.query(`INSERT INTO dirty_sessions (project_id, session_id, from_at, to_at, log_time, dirty_at)
    SELECT project_id, session_id, from_at, to_at, log_time, dirty_at + n * interval '1 ms' FROM dirty_sessions, generate_series(1, 99) n`);
  await pool.query(`UPDATE dirty_sessions SET dirty_at = dirty_at - interval '2 minutes'`);
  await store([inApp('shop', 1, { sessionId: 's-2' })]);
  await pool.query(`UPDATE dirty_sessions SET dirty_at = dirty_at - interval '1 minute'`);
  expect(await remakeHops(pool, signal, { longestMs: 1, marksAtOnce: 10 })).toEqual({ sessions: 1, isDone: false });
  expect(await marked()).toEqual(['s-2']);
  expect(await kept()).toEqual(await computed());
});

test('O4: however many marks wait, few are looked at to take some', async () => {
  await pool.query(`INSERT INTO dirty_sessions (project_id, session_id, from_at, to_at, log_time, dirty_at)
    SELECT 1, 's-' || n % 10000, now(), now(), now(), now() - interval '1 hour' + n * interval '1 ms' FROM generate_series(1, 40000) n`);
  await pool.query('VACUUM dirty_sessions');
  const explained = await inTransaction(pool, (client) => explainWrites(client, (it) => takeStretches(it, 100)));
  const reads = explained
    .flatMap(({ reads }) => reads)
    .filter(({ table, how }) => table === 'dirty_sessions' && how.endsWith('Scan'));
  // Those that are taken, 400 of 100 sessions: once to find them, once to delete them.
  expect(reads.reduce((sum, { rows }) => sum + rows, 0)).toBeLessThanOrEqual(100 + 400 + 400);
});

test('A1, A13: events in any order, with clocks off or not, in any batches, remade in between or not, give the visits of the sessions', async () => {
  const event = fc.record({
    app: fc.constantFrom('a', 'a', 'b', 'b', 'c', '', undefined),
    slot: fc.integer({ min: 0, max: 11 }),
    session: fc.constantFrom('s-1', 's-1', 's-2'),
    project: fc.constantFrom(1, 1, 2),
    seq: fc.option(fc.integer({ min: 0, max: 3 }), { nil: undefined }),
    isOfErased: fc.constantFrom(true, false, false),
    ofSkews: fc.nat(3),
  });
  const skews = fc.constantFrom(
    [0, 0, 0, 0],
    [6_000, 6_000, 6_000, 6_000],
    [0, 0, 0, -SLOT_MS],
    [0, SLOT_MS - 1, -7_000, 7 * SLOT_MS],
  );
  const erase = (userId: string) => eraseUser(pool, { projectId: 1, userId, pauseShare: 0 });
  let run = 0;
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(event, fc.constantFrom(...THEN), fc.nat(99)), { minLength: 1, maxLength: 40, size: 'max' }),
      skews,
      async (given, skews) => {
        await pool.query('TRUNCATE events, sessions, session_hops, hop_days, dirty_sessions');
        run++;
        for (const [{ app, slot, session: sessionId, project, seq, isOfErased, ofSkews }, then, seed] of given) {
          const source =
            app === undefined ? { kind: 'microservice' as const, name: 'm' } : { kind: 'app' as const, name: app };
          const skewMs = skews[ofSkews] as number;
          const occurredAt = new Date(Date.UTC(2026, 10, 20, 12) + slot * SLOT_MS - skewMs).toISOString();
          const userId = isOfErased ? `erased in ${run}` : 'u-1';
          await store([eventOf({ occurredAt, sessionId, source, userId, ...(seq !== undefined && { seq }) })], {
            projectId: project,
            skewMs,
          });
          if (then === 'remake') await remake();
          if (then === 'remake some') await remakeSome(seed);
          if (then === 'erase' && seed < 20) await erase(`erased in ${run}`);
          if (then.endsWith('older program did') && seed < 20) await pool.query(STORED_BY_OLDER);
        }
        await remake();
        for (const project of [1, 2]) {
          const expected = [
            ...(await expectedVisits(pool, project, 's-1')),
            ...(await expectedVisits(pool, project, 's-2')),
          ];
          expect(await keptVisits(pool, project)).toEqual(expected);
          for (const session of ['s-1', 's-2']) {
            expect(await kept(session, project)).toEqual(await computed(session, project));
          }
        }
        expect(await wrongHopDays(pool)).toEqual([]);
      },
    ),
    { numRuns: RUNS },
  );
});

test('A13: a session that is much longer than what is new of it is remade right', async () => {
  const hour = (n: number) => new Date(Date.UTC(2026, 10, 1, n)).toISOString();
  const visit = (n: number, name: string) => eventOf({ occurredAt: hour(n), source: { kind: 'app', name } });
  await store([visit(0, 'x'), visit(1, 'y'), visit(2, 'x')]);
  for (let n = 3; n < 60; n++) await store([visit(n, n % 2 === 0 ? 'a' : 'b')]);
  await remake();
  for (const late of [[visit(70, 'x'), visit(71, 'y')], [visit(65, 'y')], [visit(1, 'c')]]) {
    await store(late);
    await remake();
    expect(await keptVisits(pool, 1)).toEqual(await expectedVisits(pool, 1, 's-1'));
  }
  expect(await wrongHopDays(pool)).toEqual([]);
});

test('what is stored while a session is being remade is remade next', async () => {
  await store([inApp('shop', 1), inApp('pay', 5)]);
  await Promise.all([remake(), store([inApp('help', 3)])]);
  await remake();
  expect(await kept()).toEqual(await computed());
});

test('a transaction that stores waits for no remaking, and marks nothing where no event is of an app', async () => {
  await store([eventOf()]);
  expect(await remake()).toBe(0);
  await store([inApp('shop', 1)]);
  const holder = await pool.connect();
  await holder.query('BEGIN; DELETE FROM dirty_sessions');
  await store([inApp('pay', 2)]);
  await holder.query('ROLLBACK');
  holder.release();
  await remake();
  expect(await kept()).toHaveLength(1);
});

test('A9: hops of sessions that retention removes go with the next remaking, from the sums of their days too', async () => {
  await store([
    inApp('shop', 1),
    inApp('pay', 3),
    inApp('shop', 4, { sessionId: 's-2', occurredAt: '2026-12-20T00:00:00Z' }),
  ]);
  await remake();
  expect(await kept()).toHaveLength(1);
  const beforeMs = Date.parse('2026-12-01T00:00:00Z');
  expect(await deleteExpiredSessions(pool, { projectId: 1, beforeMs, machines: false }, createPace({}))).toBe(1);
  await remake();
  expect(await keptVisits(pool, 1)).toMatchObject([{ sessionId: 's-2', from: null, to: 'shop' }]);
  expect(await wrongHopDays(pool)).toEqual([]);
  expect((await pool.query('SELECT FROM hop_days')).rowCount).toBe(1);
});

test('T9: hops over events that were erased go, and those of sessions that are gone', async () => {
  await store([inApp('shop', 1), inApp('pay', 3, { userId: 'u-1' }), inApp('help', 5)]);
  await store([
    inApp('shop', 1, { sessionId: 's-2', userId: 'u-1' }),
    inApp('pay', 3, { sessionId: 's-2', userId: 'u-1' }),
  ]);
  await remake();
  expect(await kept('s-2')).toHaveLength(1);
  await eraseUser(pool, { projectId: 1, userId: 'u-1', pauseShare: 0 });
  await remake();
  expect(await kept()).toEqual([`shop help ${Date.parse(at(5))}`]);
  expect(await kept('s-2')).toEqual([]);
  expect(await keptVisits(pool, 1)).toEqual(await expectedVisits(pool, 1, 's-1'));
  expect(await wrongHopDays(pool)).toEqual([]);
});
