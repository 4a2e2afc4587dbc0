import { beforeEach, describe, expect, test } from '@jest/globals';
import { accountFor } from '@wayline/testkit';
import type pg from 'pg';
import { BatchWriter, compactRollups } from '../src/index.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { storeUnderTest, WRITING } from './store-under-test.ts';

const store = storeUnderTest({ partitions: 4 });
let pool: pg.Pool;
let writer: BatchWriter;
beforeEach(() => {
  ({ pool, writer } = store());
});

const count = (sql: string) => store().count(sql);

async function expectDerivedToEqualARecount(): Promise<void> {
  expect(await accountFor(store().url, new Set())).toMatchObject({ wrongSessions: [], wrongRows: [] });
}

describe('rollups and uniques', () => {
  const at = (minute: number, seconds = 0) => Date.UTC(2026, 10, 20, 12, minute, seconds);

  test('A6, A7: what arrives in any order, twice, late and over midnight equals a recount', async () => {
    const types = ['click', 'impression', 'objectInView', 'pageVisit'];
    const events = Array.from({ length: 300 }, (_, i) =>
      eventOf({
        sessionId: `s-${i % 7}`,
        type: types[i % 4] as string,
        namespace: i % 5 === 0 ? 'shop' : undefined,
        occurredAt: at((i * 37) % 1200, i % 60),
        ...(i % 3 !== 0 && { userId: `u-${i % 11}` }),
        ...(i % 2 === 0 && { anonymousId: `a-${i % 4}` }),
        ...(i % 4 !== 1 && { value: ((i * 7919) % 101) / 7 }),
      }),
    );
    let offset = 0;
    for (const part of [events.slice(0, 100), events.slice(50, 200), events.slice(150), events]) {
      const records = part.map((event) => storeVerdict(event));
      await writer.write([batchOf({ firstOffset: offset }, records)]);
      offset += part.length;
      await expectDerivedToEqualARecount();
    }
    expect(await count('SELECT sum(events) FROM hours')).toBe(300);
  });

  test('I5, A7: projects whose events of one hour are stored together are counted apart', async () => {
    const types = ['click', 'impression', 'objectInView'];
    const records = Array.from({ length: 60 }, (_, i) => {
      const userId = `u-${i % 2 === 0 ? i % 4 : i % 7}`;
      const event = eventOf({
        sessionId: `s-${i % 3}`,
        userId,
        type: types[i % 3] as string,
        occurredAt: at(i),
        value: i,
      });
      return storeVerdict(event, { projectId: 1 + (i % 2) });
    });
    await writer.write([batchOf({}, records)]);
    await expectDerivedToEqualARecount();
    const { rows } = await pool.query(
      `SELECT project_id AS project, sum(events)::int AS events, sum(unique_users)::int AS users, sum(clicks)::int AS clicks
       FROM hours GROUP BY 1 ORDER BY 1`,
    );
    expect(rows).toEqual([
      { project: 1, events: 30, users: 2, clicks: 10 },
      { project: 2, events: 30, users: 7, clicks: 10 },
    ]);
  });

  test('A7: a user of several transactions at once is counted once', async () => {
    const writers = Array.from({ length: 4 }, () => new BatchWriter({ pool, ...WRITING }));
    for (let round = 0; round < 5; round++) {
      await Promise.all(
        writers.map((each, partition) =>
          each.write([
            batchOf(
              { partition, firstOffset: round * 20 },
              Array.from({ length: 20 }, (_, i) =>
                storeVerdict(eventOf({ sessionId: `s-${partition}`, userId: `u-${i + round}`, occurredAt: at(round) })),
              ),
            ),
          ]),
        ),
      );
    }
    expect(await count('SELECT sum(unique_users) FROM hours')).toBe(24);
    await expectDerivedToEqualARecount();
  });

  test('settled minutes and hours are brought into one row each while writers go on, and nothing is lost or counted twice', async () => {
    const writers = Array.from({ length: 4 }, () => new BatchWriter({ pool, ...WRITING }));
    const { signal } = new AbortController();
    const compacting = (async () => {
      for (let round = 0; round < 30; round++) await compactRollups(pool, signal);
    })();
    for (let round = 0; round < 15; round++) {
      await Promise.all(
        writers.map((each, partition) => {
          const events = Array.from({ length: 30 }, (_, i) =>
            eventOf({ sessionId: `s-${partition}`, type: 'click', occurredAt: at(i % 3), value: i, userId: `u-${i}` }),
          );
          return each.write([
            batchOf(
              { partition, firstOffset: round * 30 },
              events.map((event) => storeVerdict(event)),
            ),
          ]);
        }),
      );
    }
    await compacting;
    await expectDerivedToEqualARecount();
    await compactRollups(pool, signal);
    await expectDerivedToEqualARecount();
    expect(await count('SELECT count(*) FROM series_minutes')).toBe(3);
    expect(await count('SELECT count(*) FROM hours')).toBe(1);
    expect(await compactRollups(pool, signal)).toBe(0);
  });

  test('T6: values whose sum is beyond a double, and the least values, are stored like any others, and compacted', async () => {
    const huge = [1.7e308, 1.7e308, -1e308, 5e-324];
    for (const [offset, value] of huge.entries()) {
      const records = [storeVerdict(eventOf({ occurredAt: at(1), value }))];
      await writer.write([batchOf({ firstOffset: offset }, records)]);
      if (offset === 0) expect(await count('SELECT value_sum FROM series_minutes')).toBe(1.7e308);
      await new BatchWriter({ pool, ...WRITING }).write([
        batchOf({ partition: 1, firstOffset: offset }, [
          storeVerdict(eventOf({ occurredAt: at(2), value: value / 2 })),
        ]),
      ]);
    }
    expect(await count('SELECT count(*) FROM events')).toBe(8);
    await writer.write([
      batchOf({ firstOffset: huge.length }, [storeVerdict(eventOf({ occurredAt: at(3), value: 5e-324 }))]),
    ]);
    expect(await count('SELECT count(*) FROM dead_letters')).toBe(0);
    await compactRollups(pool, new AbortController().signal);
    const { rows } = await pool.query('SELECT value_sum, value_max FROM series_minutes ORDER BY minute');
    expect(rows).toEqual([
      { value_sum: Number.POSITIVE_INFINITY, value_max: 1.7e308 },
      { value_sum: 1.7e308 / 2 + (1.7e308 / 2 - 1e308 / 2), value_max: 1.7e308 / 2 },
      { value_sum: 5e-324, value_max: 5e-324 },
    ]);
  });

  test('a user of a transaction that failed is counted by the next', async () => {
    const bad = storeVerdict(eventOf({ target: 'broken \0' }));
    const good = storeVerdict(eventOf({ userId: 'u-1' }));
    await expect(writer.write([batchOf({}, [good, bad])])).rejects.toThrow();
    await writer.write([batchOf({}, [good])]);
    expect(await count('SELECT sum(unique_users) FROM hours')).toBe(1);
    await expectDerivedToEqualARecount();
  });
});
