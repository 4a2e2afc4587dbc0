import { beforeEach, describe, expect, test } from '@jest/globals';
import {
  gapsBefore,
  locateSession,
  type Reader,
  readOnly,
  type SessionPlace,
  sessionEvents,
  sessionGaps,
} from '../src/index.ts';
import { eventOf, storeVerdict } from './batches.ts';
import { explainReads } from './explain-reads.ts';
import { storeUnderTest } from './store-under-test.ts';

const store = storeUnderTest();
const AT_MS = Date.UTC(2026, 10, 20, 6);
const EVENTS = 60_000;
const PAGE = 1_000;

/** Sends its numbers without a pause, but for these. */
const BUSY = 1;
const LOST = [17, 18, 30_000, 41_999, 42_000];
/** Sent late, by so many events as no page holds. */
const LATE = 25_500;
const LATE_BY = 6_000;
/** Numbers of another source, at the place of so many events: none is near to the one before it. */
const QUIET = 2;
const QUIET_AT = { 0: 10, 1: 33_000, 3: 59_000 };

/** One session of an hour and a half, 60,000 events, from two sources. */
beforeEach(async () => {
  const { pool, write } = store();
  await write([storeVerdict(eventOf({ sessionId: 'long', occurredAt: AT_MS, seq: 0 }))]);
  await pool.query(
    `DELETE FROM events;
     INSERT INTO sources (project_id, id, kind, name) VALUES (1, ${BUSY}, 1, 'busy'), (1, ${QUIET}, 2, 'quiet');
     UPDATE sessions SET event_count = ${EVENTS}, last_at = first_at + ${EVENTS} * interval '90 ms'`,
  );
  await pool.query(
    `INSERT INTO events (occurred_at, received_at, batch_id, source_id, seq, project_id, skew_ms, batch_index, event_id, session_id)
     SELECT to_timestamp($1::float8 / 1000) + place * interval '90 ms', now(), 1, source, seq, 1, 0, 0, gen_random_uuid(), 'long'
     FROM (
       SELECT ${BUSY} AS source, seq, CASE seq WHEN $3 THEN seq + $4 + 0.5 ELSE seq END AS place
       FROM generate_series(0, ${EVENTS} - 1) seq WHERE seq <> ALL ($2::int[])
       UNION ALL SELECT ${QUIET}, key::int, value::float8 + 0.5 FROM json_each_text($5)
     ) numbered`,
    [AT_MS, LOST, LATE, LATE_BY, JSON.stringify(QUIET_AT)],
  );
  await pool.query('ANALYZE events');
});

async function withSession<T>(work: (reader: Reader, session: SessionPlace) => Promise<T>): Promise<T> {
  return readOnly(store().pool, { statementTimeoutMs: 60_000 }, async (reader) => work(reader, await place(reader)));
}

async function place(reader: Reader): Promise<SessionPlace> {
  const session = await locateSession(reader, 1, 'long');
  if (!session) throw new Error('The session is not there');
  return session;
}

const everything = async (reader: Reader, session: SessionPlace) =>
  (await sessionEvents(reader, session, { limit: EVENTS })).map(({ event }) => event);

describe('T12: the gaps of a long session', () => {
  test('are those of all of it, over pages of it, and over pages of events far between', async () => {
    await withSession(async (reader, session) => {
      const events = await everything(reader, session);
      const { gaps } = await sessionGaps(reader, session, EVENTS);
      expect(gaps.map(({ after, before }) => [after, before])).toEqual([
        [16, 19],
        [29_999, 30_001],
        [41_998, 42_001],
        [1, 3],
      ]);
      const found = [];
      for (let from = 0; from < events.length; from += PAGE) {
        found.push(...(await gapsBefore(reader, session, events.slice(from, from + PAGE))));
      }
      expect(found.sort((a, b) => a.before - b.before)).toEqual([...gaps].sort((a, b) => a.before - b.before));

      const sparse = events.filter(
        (event, n) => n % 600 === 0 || gaps.some(({ eventId }) => eventId === event.eventId),
      );
      expect(await gapsBefore(reader, session, sparse)).toEqual(gaps);
    });
  }, 120_000);

  test('are looked for around the page, and no further than is needed', async () => {
    const { events, session } = await withSession(async (reader, session) => ({
      events: await everything(reader, session),
      session,
    }));
    const rowsRead = async (from: number): Promise<number> => {
      const explained = await explainReads(store().pool, async (reader) => {
        await gapsBefore(reader, session, events.slice(from, from + PAGE));
      });
      const reads = explained.flatMap(({ reads }) => reads).filter(({ table }) => table.startsWith('events'));
      return reads.reduce((sum, { rows }) => sum + rows, 0);
    };
    // Without a gap; with one, or a number that is not near; and where no event of the source is near.
    expect(await rowsRead(10 * PAGE)).toBeLessThan(3 * 2_000);
    expect(await rowsRead(29.5 * PAGE)).toBeLessThan(3 * 2_000 + 3 * 25_000);
    expect(await rowsRead(25 * PAGE)).toBeLessThan(3 * 2_000 + 3 * 25_000);
    expect(await rowsRead(58.5 * PAGE)).toBeGreaterThan(EVENTS);
  }, 120_000);
});
