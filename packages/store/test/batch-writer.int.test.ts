import { beforeEach, describe, expect, test } from '@jest/globals';
import type { IdentifiedEvent } from '@wayline/contracts';
import fc from 'fast-check';
import type pg from 'pg';
import {
  BatchWriter,
  ensurePosition,
  inlineNameId,
  NAME_KINDS,
  nameId,
  type PartitionBatch,
  PositionMovedError,
  readPosition,
  skipExpired,
} from '../src/index.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { expectDerivedToEqualARecount, ledgerSums } from './recounts.ts';
import { LOG, storeUnderTest, TOPIC, WRITING } from './store-under-test.ts';

const store = storeUnderTest({ partitions: 4 });
let pool: pg.Pool;
let writer: BatchWriter;
beforeEach(() => {
  ({ pool, writer } = store());
});

const begin = (partition: number, topic = TOPIC) => ensurePosition(pool, { ...LOG, topic, partition }, 0);
const count = (sql: string) => store().count(sql);
const ledger = () => ledgerSums(pool);

describe('one batch', () => {
  test('T6: rows, session, position, batch and ledger are written together', async () => {
    const events = [eventOf(), eventOf({ type: 'click' }), eventOf({ sessionId: 's-2' })];
    expect(
      await writer.write([
        batchOf(
          {},
          events.map((event) => storeVerdict(event)),
        ),
      ]),
    ).toEqual([{ stored: 3, duplicate: 0, deadLettered: 0 }]);
    expect(await count('SELECT count(*) FROM events')).toBe(3);
    expect((await readPosition(pool, { ...LOG, topic: TOPIC, partition: 0 }))?.nextOffset).toBe(3);
    expect(await ledger()).toEqual({ read: 3, stored: 3, duplicate: 0, deadLettered: 0 });
    const { rows } = await pool.query('SELECT first_offset::int, next_offset::int, stored FROM batches');
    expect(rows).toEqual([{ first_offset: 0, next_offset: 3, stored: 3 }]);
    await expectDerivedToEqualARecount(pool);
  });

  test('T6: the same batch a second time is refused by the fence, and changes nothing', async () => {
    const batch = batchOf({}, [storeVerdict(eventOf())]);
    await writer.write([batch]);
    await expect(writer.write([batch])).rejects.toThrow(PositionMovedError);
    expect(await ledger()).toMatchObject({ read: 1, stored: 1 });
    expect(await count('SELECT sum(event_count) FROM sessions')).toBe(1);
  });

  test('T6: of several partitions, one position elsewhere refuses the whole transaction', async () => {
    const fine = batchOf({ partition: 1 }, [storeVerdict(eventOf())]);
    const stale = batchOf({ partition: 2, firstOffset: 5 }, [storeVerdict(eventOf())]);
    await expect(writer.write([fine, stale])).rejects.toThrow(PositionMovedError);
    expect(await count('SELECT count(*) FROM events')).toBe(0);
    expect((await readPosition(pool, { ...LOG, topic: TOPIC, partition: 1 }))?.nextOffset).toBe(0);
  });

  test('a partition without a stored position is refused', async () => {
    await expect(writer.write([batchOf({ partition: 11 }, [storeVerdict(eventOf())])])).rejects.toThrow(
      PositionMovedError,
    );
  });

  test('T8: a dead letter is kept with its reason, bytes, headers and origin, beside the rows', async () => {
    const dead = {
      timeMs: Date.parse('2026-11-20T12:30:00Z'),
      projectId: 0,
      original: { key: null, value: Buffer.from([0, 255, 1]), headers: { 'wayline-key': Buffer.from('no\0key') } },
      verdict: { deadLetter: { code: 'unknown_key', detail: 'no \0 such key' } },
    };
    expect(await writer.write([batchOf({}, [storeVerdict(eventOf()), dead])])).toEqual([
      { stored: 1, duplicate: 0, deadLettered: 1 },
    ]);
    const { rows } = await pool.query(
      'SELECT log_id, topic, partition, log_offset::int, code, record_value, record_headers FROM dead_letters',
    );
    expect(rows).toEqual([
      {
        log_id: 'log-a',
        topic: TOPIC,
        partition: 0,
        log_offset: 1,
        code: 'unknown_key',
        record_value: Buffer.from([0, 255, 1]),
        record_headers: { 'wayline-key': 'no\uFFFDkey' },
      },
    ]);
    expect(await ledger()).toEqual({ read: 2, stored: 1, duplicate: 0, deadLettered: 1 });
  });

  test('every field comes back as it was sent, whatever characters it holds', async () => {
    const odd = 'tab\t newline\n cr\r backslash\\ \\N quote" \u{1F600} é 漢';
    const event = eventOf({
      sessionId: odd,
      type: odd,
      namespace: odd,
      userId: odd,
      anonymousId: '',
      machineId: odd,
      platform: 'embedded',
      source: { kind: 'microservice', name: odd, version: '', instance: odd },
      target: odd,
      page: odd,
      referrer: '\\N',
      userAgent: odd,
      value: -1.7976931348623157e308,
      seq: Number.MAX_SAFE_INTEGER,
      context: { [odd]: [odd, null, 1.5, { deep: true }] },
    });
    await writer.write([batchOf({}, [storeVerdict(event)])]);
    const { rows } = await pool.query(
      `SELECT e.*, e.seq::text AS seq_text, e.context::text AS context_text, t.name AS type, n.name AS namespace,
         a.name AS agent, s.name AS source, s.version, s.instance, s.kind
       FROM events e JOIN names t ON t.id = type_id JOIN names n ON n.id = namespace_id JOIN names a ON a.id = user_agent_id
       JOIN sources s ON s.id = source_id`,
    );
    expect(rows[0]).toMatchObject({
      session_id: odd,
      type: odd,
      namespace: odd,
      user_id: odd,
      anonymous_id: '',
      machine_id: odd,
      platform: 4,
      source: odd,
      version: '',
      instance: odd,
      kind: 2,
      target: odd,
      page: odd,
      referrer: '\\N',
      agent: odd,
      value: -1.7976931348623157e308,
      seq_text: String(Number.MAX_SAFE_INTEGER),
      context_text: JSON.stringify(event.context),
    });
  });

  test('a name whose hash belongs to another name is stored in the row', async () => {
    await pool.query('INSERT INTO names (project_id, kind, id, name) VALUES (1, $1, $2, $3)', [
      NAME_KINDS.type,
      nameId(NAME_KINDS.type, 'pageVisit'),
      'squatter',
    ]);
    await writer.write([batchOf({}, [storeVerdict(eventOf())])]);
    const { rows } = await pool.query('SELECT type_id, inline_names FROM events');
    expect(rows).toEqual([{ type_id: null, inline_names: { type: 'pageVisit' } }]);
    const { rows: series } = await pool.query('SELECT type_id::text AS type, events FROM series_minutes');
    expect(series).toEqual([{ type: inlineNameId(NAME_KINDS.type, 'pageVisit'), events: 1 }]);
  });

  test('names of a transaction that failed are written again by the next', async () => {
    const event = eventOf({ type: 'neverSeen' });
    await expect(writer.write([batchOf({ firstOffset: 9 }, [storeVerdict(event)])])).rejects.toThrow(
      PositionMovedError,
    );
    await expect(
      writer.write([batchOf({}, [storeVerdict(eventOf({ ...event, userId: 'broken \0' }))])]),
    ).rejects.toThrow();
    await writer.write([batchOf({}, [storeVerdict(event)])]);
    expect(await count(`SELECT count(*) FROM names WHERE name = 'neverSeen'`)).toBe(1);
  });
});

test('O12: after a database was restored to before, names and users are written again by a writer that knew them', async () => {
  const first = [storeVerdict(eventOf({ type: 'neverSeen', userId: 'u-1' }))];
  await writer.write([batchOf({}, first)]);
  // As a back-up of before that batch has it, under a writer whose connections stayed.
  await pool.query(
    'TRUNCATE events, sessions, names, users, hours, hour_users, user_count_deltas, series_minutes, batches, ledger',
  );
  await pool.query('UPDATE positions SET next_offset = 0');
  const next = batchOf({ firstOffset: 1 }, [storeVerdict(eventOf({ type: 'neverSeen', userId: 'u-1' }))]);
  await expect(writer.write([next])).rejects.toThrow(PositionMovedError);
  await writer.write([batchOf({}, first)]);
  expect(await count(`SELECT count(*) FROM names WHERE name = 'neverSeen'`)).toBe(1);
  await expectDerivedToEqualARecount(pool);
});

describe('several writers', () => {
  test('T6: of two that hold the same partition only one stores a batch', async () => {
    const other = new BatchWriter({ pool, ...WRITING });
    const batch = batchOf(
      {},
      Array.from({ length: 100 }, () => storeVerdict(eventOf())),
    );
    const outcomes = await Promise.allSettled([writer.write([batch]), other.write([batch]), writer.write([batch])]);
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    expect(await count('SELECT count(*) FROM events')).toBe(100);
    expect(await count('SELECT sum(event_count) FROM sessions')).toBe(100);
  });

  test('T10: concurrent writers to the same sessions lose nothing and do not deadlock', async () => {
    const writers = [
      writer,
      new BatchWriter({ pool, ...WRITING }),
      new BatchWriter({ pool, ...WRITING }),
      new BatchWriter({ pool, ...WRITING }),
    ];
    const shared = Array.from({ length: 50 }, (_, i) => `shared-${i}`);
    await Promise.all(
      writers.map(async (each, partition) => {
        for (let round = 0; round < 5; round++) {
          const records = Array.from({ length: 200 }, (_, i) =>
            storeVerdict(
              eventOf({
                sessionId: shared[(i * 7 + partition) % 50] as string,
                userId: `u-${i % 9}`,
                machineId: `m-${i % 5}`,
                source: { kind: 'app', name: `a-${i % 3}` },
              }),
            ),
          );
          await each.write([batchOf({ partition, firstOffset: round * 200 }, records)]);
        }
      }),
    );
    expect(await count('SELECT count(*) FROM events')).toBe(4000);
    expect(await count('SELECT sum(event_count) FROM session_machines')).toBe(4000);
    await expectDerivedToEqualARecount(pool);
  });

  test('the fence holds while the other transaction is still open', async () => {
    const holder = await pool.connect();
    await holder.query('BEGIN');
    await holder.query(`UPDATE positions SET next_offset = 7 WHERE topic = $1 AND partition = 0`, [TOPIC]);
    const waiting = writer.write([batchOf({}, [storeVerdict(eventOf())])]);
    const outcome = expect(waiting).rejects.toThrow(PositionMovedError);
    await waitForLock();
    await holder.query('COMMIT');
    holder.release();
    await outcome;
    expect(await count('SELECT count(*) FROM events')).toBe(0);
  });
});

async function waitForLock(): Promise<void> {
  while (
    (await count(
      `SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`,
    )) === 0
  );
}

describe('session summaries', () => {
  test('T10: the same events in any order and any batches give the same summary', async () => {
    const arbitraryEvent = fc.record({
      minute: fc.integer({ min: 0, max: 5 }),
      userId: fc.option(fc.constantFrom('u-1', 'u-2'), { nil: undefined }),
      machineId: fc.option(fc.constantFrom('m-1', 'm-2'), { nil: undefined }),
      platform: fc.option(fc.constantFrom('web' as const, 'mobile' as const), { nil: undefined }),
      type: fc.constantFrom('pageVisit', 'sessionStarted', 'sessionEnded'),
      reason: fc.constantFrom('ended', 'refreshed'),
      source: fc.constantFrom('a-1', 'a-2', 'a-3'),
    });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(
        fc.array(arbitraryEvent, { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(fc.nat()),
        async (given, numbers) => {
          run++;
          const summaries: unknown[] = [];
          const events = given.map(
            ({ minute, source, reason, ...rest }): IdentifiedEvent =>
              eventOf({
                ...rest,
                occurredAt: Date.UTC(2026, 10, 20, 12, minute),
                source: { kind: 'app', name: source },
                context: { reason, previousSessionId: `p-${minute}` },
              }),
          );
          for (const project of [run * 2, run * 2 + 1]) {
            const order =
              project % 2 === 0
                ? events
                : [...events]
                    .map((event) => ({ event, at: numbers.next().value as number }))
                    .sort((a, b) => a.at - b.at)
                    .map(({ event }) => event);
            const topic = `t-${project}`;
            await begin(0, topic);
            const size = project % 2 === 0 ? events.length : 2;
            for (let at = 0; at < order.length; at += size) {
              const records = order.slice(at, at + size).map((event) => storeVerdict(event, { projectId: project }));
              await writer.write([batchOf({ topic, firstOffset: at }, records)]);
            }
            const { rows } = await pool.query(
              `SELECT session_id, first_at, last_at, started_at, ended_at, refreshed_at, event_count, previous_session_id, user_id, user_at,
               user_event, machine_id, machine_event, platform, platform_event, (SELECT array_agg(x ORDER BY x) FROM unnest(source_ids) x) AS sources,
               (SELECT array_agg(x ORDER BY x) FROM unnest(type_ids) x) AS types FROM sessions WHERE project_id = $1`,
              [project],
            );
            summaries.push(rows);
          }
          expect(summaries[1]).toEqual(summaries[0]);
        },
      ),
      { numRuns: 25 },
    );
  });
});

describe('positions', () => {
  test('a partition that was never read begins at the start of the log, and later where it was left', async () => {
    const key = { ...LOG, topic: TOPIC, partition: 7 };
    expect((await ensurePosition(pool, key, 42)).nextOffset).toBe(42);
    expect((await ensurePosition(pool, key, 50)).nextOffset).toBe(42);
  });

  test('T11: records that expired unread are booked, once', async () => {
    const key = { ...LOG, topic: TOPIC, partition: 0 };
    expect(await skipExpired(pool, key, { from: 0, to: 120 })).toBe(true);
    expect(await skipExpired(pool, key, { from: 0, to: 120 })).toBe(false);
    expect((await readPosition(pool, key))?.nextOffset).toBe(120);
    expect(await count('SELECT sum(expired) FROM ledger')).toBe(120);
  });

  test.each([
    { name: 'another log', other: { ...LOG, logId: 'log-b' } },
    { name: 'another group', other: { ...LOG, group: 'h' } },
  ])('T6: the position of $name stays where it is, though it is at the same offset', async ({ other }) => {
    const places = [0, 1].map((partition) => ({ topic: TOPIC, partition }));
    for (const place of places) await ensurePosition(pool, { ...other, ...place }, 0);
    await writer.write([batchOf({}, [storeVerdict(eventOf())])]);
    expect(await skipExpired(pool, { ...LOG, topic: TOPIC, partition: 1 }, { from: 0, to: 7 })).toBe(true);
    const nextOffsets = (of: typeof LOG) =>
      Promise.all(places.map(async (place) => (await readPosition(pool, { ...of, ...place }))?.nextOffset));
    expect(await nextOffsets(LOG)).toEqual([1, 7]);
    expect(await nextOffsets(other)).toEqual([0, 0]);
  });

  test('positions of another log are never used', async () => {
    await writer.write([batchOf({}, [storeVerdict(eventOf())])]);
    const other: PartitionBatch = batchOf({}, [storeVerdict(eventOf())]);
    const otherWriter = new BatchWriter({ pool, ...WRITING, logId: 'log-b' });
    await ensurePosition(pool, { logId: 'log-b', group: 'g', topic: TOPIC, partition: 0 }, 0);
    expect(await otherWriter.write([other])).toEqual([{ stored: 1, duplicate: 0, deadLettered: 0 }]);
  });
});
