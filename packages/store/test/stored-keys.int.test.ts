import { beforeEach, describe, expect, test } from '@jest/globals';
import { type IdentifiedEvent, uuidV7 } from '@wayline/contracts';
import { seededRandom } from '@wayline/testkit';
import type pg from 'pg';
import { BatchWriter, type JudgedRecord } from '../src/index.ts';
import { EventTable } from '../src/write/event-table.ts';
import { sortRows } from '../src/write/row-order.ts';
import { withoutStored } from '../src/write/stored-keys.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { explainReads } from './explain-reads.ts';
import { expectDerivedToEqualARecount, ledgerSums } from './recounts.ts';
import { type StoreUnderTest, storeUnderTest, WRITING } from './store-under-test.ts';

const DAY = 'events_d20261120';

const underTest = storeUnderTest({ partitions: 2 });
let store: StoreUnderTest;
let pool: pg.Pool;
beforeEach(() => {
  store = underTest();
  ({ pool } = store);
});

const at = (seconds: number, given: Partial<IdentifiedEvent> = {}): IdentifiedEvent =>
  eventOf({ occurredAt: new Date(Date.parse('2026-11-20T12:00:00Z') + seconds * 1000).toISOString(), ...given });

const several = (count: number, given: Partial<IdentifiedEvent> = {}): IdentifiedEvent[] =>
  Array.from({ length: count }, (_, second) => at(second, given));

const write = (events: readonly IdentifiedEvent[]) => store.write(events.map((event) => storeVerdict(event)));

/** As after any batch with a row that was there already: the next ones are asked about before they are written. */
async function haveNextOnesAskedAbout(): Promise<void> {
  const event = at(0, { sessionId: 's-0' });
  await write([event]);
  await write([event]);
}

/** Places between rows: of such as were written and taken back. */
const placesLeft = () =>
  store.count(`SELECT coalesce(sum(last - places), 0) FROM (
    SELECT max((ctid::text::point)[1]) AS last, count(*) AS places FROM ${DAY} GROUP BY (ctid::text::point)[0]) pages`);

describe('rows that are there already', () => {
  test('T6: are passed over, before and after batches are asked about', async () => {
    const first = several(10);
    await write(first);
    const second = several(10, { sessionId: 's-2' });
    expect(await write([...first.slice(3, 5), ...second])).toEqual({ stored: 10, duplicate: 2, deadLettered: 0 });
    const third = several(5, { sessionId: 's-3' });
    expect(await write([...third, ...first.slice(0, 1), ...second.slice(8)])).toEqual({
      stored: 5,
      duplicate: 3,
      deadLettered: 0,
    });
    expect(await write([...first, ...second, ...third])).toEqual({ stored: 0, duplicate: 25, deadLettered: 0 });
    expect(await write([...several(3), ...several(3, { sessionId: 's-4' })])).toMatchObject({
      stored: 6,
      duplicate: 0,
    });
    expect(await ledgerSums(pool)).toEqual({ read: 10 + 12 + 8 + 25 + 6, stored: 31, duplicate: 30, deadLettered: 0 });
    await expectDerivedToEqualARecount(pool);
  });

  test('are asked about before they are written, until a hundred batches had none', async () => {
    const repeated = at(0);
    const withNew = (sessionId: string) => write([...several(4, { sessionId }), repeated]);
    await write([repeated]);
    await withNew('s-2');
    expect(await placesLeft()).toBe(5);
    await withNew('s-3');
    for (let batch = 0; batch < 99; batch++) await write([at(batch, { sessionId: 's-4' })]);
    await withNew('s-5');
    expect(await placesLeft()).toBe(5);
    for (let batch = 0; batch < 100; batch++) await write([at(batch, { sessionId: 's-6' })]);
    await withNew('s-7');
    expect(await placesLeft()).toBe(10);
    expect(await store.count(`SELECT count(*) FROM events`)).toBe(1 + 4 + 4 + 99 + 4 + 100 + 4);
    await expectDerivedToEqualARecount(pool);
  });

  test('T6: in partitions of several days, in one transaction', async () => {
    const days = [0, 1, 2].map((day) => several(4, { sessionId: 's-1' }).map((event) => later(event, day)));
    await write(days.flatMap((events) => events.slice(0, 2)));
    for (const shift of [0, 60]) {
      const others = days.map((_, day) => later(at(100 + shift), day)).flatMap((event) => [event, event]);
      expect(await write([...days.flatMap((events) => events.slice(0, 2)), ...others])).toMatchObject({
        stored: 3,
        duplicate: 9,
      });
    }
    // Of one day all, of another none, of the third some.
    const [first = [], second = [], third = []] = days;
    expect(await write([...first.slice(0, 2), ...second.slice(2), ...third])).toMatchObject({
      stored: 4,
      duplicate: 4,
    });
    await expectDerivedToEqualARecount(pool);
  });

  test.each([
    ['asked about', true],
    ['not asked about', false],
  ])('T6: another transaction writes one meanwhile, which is then seen; %s before', async (_, isAsked) => {
    if (isAsked) await haveNextOnesAskedAbout();
    const event = at(5);
    await write([event]);
    const holder = await pool.connect();
    try {
      await holder.query(`CREATE TEMPORARY TABLE kept AS SELECT * FROM events WHERE event_id = '${event.eventId}'`);
      await holder.query(`DELETE FROM events WHERE event_id = '${event.eventId}'`);
      await holder.query('BEGIN; INSERT INTO events SELECT * FROM kept');
      const writing = write([at(4), event, at(6), at(4, { sessionId: 's-2' })]);
      await someoneWaits();
      await holder.query('COMMIT; DROP TABLE kept');
      expect(await writing).toEqual({ stored: 3, duplicate: 1, deadLettered: 0 });
    } finally {
      holder.release(true);
    }
    await expectDerivedToEqualARecount(pool);
  });

  test('T6: two writers store the same events at once, in other batches, over and over', async () => {
    const events = Array.from({ length: 600 }, (_, i) => at(i % 50, { sessionId: `s-${i % 7}` }));
    const writers = [store.writer, new BatchWriter({ pool, ...WRITING })];
    const stored = await Promise.all(
      writers.map(async (writer, partition) => {
        let sum = 0;
        for (let from = 0; from < events.length; ) {
          const records = events.slice(from, from + 40 + 25 * partition).map((event) => storeVerdict(event));
          const [counts] = await writer.write([batchOf({ partition, firstOffset: from }, records)]);
          sum += counts?.stored ?? 0;
          from += records.length;
        }
        return sum;
      }),
    );
    expect(stored.reduce((sum, count) => sum + count)).toBe(600);
    expect(await ledgerSums(pool)).toEqual({ read: 1200, stored: 600, duplicate: 600, deadLettered: 0 });
    await expectDerivedToEqualARecount(pool);
  });

  test.each([1, 2, 3])('T6: whatever comes again, in whatever order, is stored once (seed %i)', async (seed) => {
    const random = seededRandom(seed);
    const below = (n: number) => Math.floor(random() * n);
    const sessions = ['s', 's-1', 'S', 'sé', 's-10', '\u{1f600}', '\uffff'];
    const sent: Omit<JudgedRecord, 'offset'>[] = [];
    const keys = new Set<string>();
    for (let batch = 0; batch < 30; batch++) {
      const records = Array.from({ length: 1 + below(40) }, () => {
        const again = sent[below(sent.length)];
        if (again && random() < 0.3) return again;
        if (again && random() < 0.1) return { ...again, projectId: 3 - again.projectId };
        const event = at(below(20), { sessionId: sessions[below(sessions.length)] as string });
        return storeVerdict(event, { projectId: 1 + below(2) });
      });
      sent.push(...records);
      const before = keys.size;
      for (const { projectId, original } of records) keys.add(`${projectId} ${original.value}`);
      expect(await store.write(records)).toMatchObject({ stored: keys.size - before });
    }
    expect(await store.count('SELECT count(*) FROM events')).toBe(keys.size);
    await expectDerivedToEqualARecount(pool);
  });
});

describe('the question which rows are there', () => {
  test('is answered by look-ups in the key, also where nothing is known of the partition yet', async () => {
    const events = Array.from({ length: 3000 }, (_, i) => at(i % 600, { sessionId: `s-${i % 40}` }));
    await pool.query(`ALTER TABLE ${DAY} SET (autovacuum_enabled = off)`);
    await write(events);
    const table = new EventTable();
    const asked = [...events.filter((_, i) => i % 3 === 0), ...several(50, { sessionId: 's-new' })];
    const rows = asked.map((event) => {
      const value = Buffer.from(JSON.stringify({ project: 1, receivedAt: Date.parse('2026-11-20T12:30:00Z'), event }));
      return table.addLogged(value, 0, value.length);
    });
    for (const isAnalysed of [false, true]) {
      if (isAnalysed) await pool.query(`ANALYZE ${DAY}`);
      const found: number[] = [];
      const statements = await explainReads(pool, async (reader) => {
        const sorted = sortRows(table, Int32Array.from(rows));
        found.push(...(await withoutStored(reader as unknown as pg.PoolClient, DAY, { table, rows: sorted })));
      });
      expect(found).toHaveLength(50);
      const reads = statements.flatMap(({ reads: each }) => each);
      expect(new Set(reads.map(({ how }) => how))).toEqual(new Set(['Index Only Scan']));
      expect(statements).toHaveLength(2);
    }
  });
});

const later = (event: IdentifiedEvent, days: number): IdentifiedEvent => ({
  ...event,
  eventId: days === 0 ? event.eventId : uuidV7(Date.now()),
  occurredAt: new Date(Date.parse(event.occurredAt as string) + days * 86_400_000).toISOString(),
});

async function someoneWaits(): Promise<void> {
  const waiting = `SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'`;
  while ((await pool.query(waiting)).rowCount === 0);
}
