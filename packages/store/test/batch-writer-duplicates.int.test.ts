import { beforeEach, describe, expect, test } from '@jest/globals';
import type pg from 'pg';
import type { BatchWriter } from '../src/index.ts';
import { batchOf, eventOf, storeVerdict } from './batches.ts';
import { expectDerivedToEqualARecount, ledgerSums } from './recounts.ts';
import { storeUnderTest } from './store-under-test.ts';

const HOUR = 3_600_000;

const store = storeUnderTest({ partitions: 4 });
let pool: pg.Pool;
let writer: BatchWriter;
beforeEach(() => {
  ({ pool, writer } = store());
});

const count = (sql: string) => store().count(sql);

describe('duplicates', () => {
  test('T6: one event three times, in a batch, in two batches, and an hour later, is one', async () => {
    const event = eventOf();
    const again = { timeMs: Date.parse('2026-11-20T13:30:00Z'), receivedMs: Date.parse('2026-11-20T13:30:00Z') };
    await writer.write([batchOf({}, [storeVerdict(event), storeVerdict(event), storeVerdict(eventOf())])]);
    const second = await writer.write([batchOf({ firstOffset: 3 }, [storeVerdict(event), storeVerdict(eventOf())])]);
    expect(second).toEqual([{ stored: 1, duplicate: 1, deadLettered: 0 }]);
    await writer.write([batchOf({ firstOffset: 5 }, [storeVerdict(event, again)])]);
    expect(await count('SELECT count(*) FROM events')).toBe(3);
    expect(await ledgerSums(pool)).toEqual({ read: 6, stored: 3, duplicate: 3, deadLettered: 0 });
    await expectDerivedToEqualARecount(pool);
  });

  test('T6: duplicates in two partitions of one transaction are one event', async () => {
    const event = eventOf();
    const counts = await writer.write([
      batchOf({ partition: 0 }, [storeVerdict(event)]),
      batchOf({ partition: 1 }, [storeVerdict(event)]),
    ]);
    expect(counts.map(({ stored }) => stored)).toEqual([1, 0]);
  });

  test('I5: one eventId of two projects is two events', async () => {
    const event = eventOf();
    await writer.write([batchOf({}, [storeVerdict(event), storeVerdict(event, { projectId: 2 })])]);
    expect(await count('SELECT count(*) FROM events')).toBe(2);
    expect(await count('SELECT count(*) FROM sessions')).toBe(2);
  });

  test('one eventId in two sessions, or at two times, is two events', async () => {
    const event = eventOf();
    const records = [event, { ...event, sessionId: 's-2' }, { ...event, occurredAt: '2026-11-20T12:00:00.001Z' }];
    await writer.write([
      batchOf(
        {},
        records.map((e) => storeVerdict(e)),
      ),
    ]);
    expect(await count('SELECT count(*) FROM events')).toBe(3);
  });

  const unclocked = { eventId: 'f47ac10b-58cc-4372-a567-0e02b2c3d479', occurredAt: undefined };
  test('an id without a time of its own is recognised by its claim, also within one batch', async () => {
    const event = eventOf(unclocked);
    const later = { receivedMs: Date.parse('2026-11-20T14:00:00Z') };
    await writer.write([batchOf({}, [storeVerdict(event), storeVerdict(event, later)])]);
    await writer.write([batchOf({ firstOffset: 2 }, [storeVerdict(event, later)])]);
    expect(await ledgerSums(pool)).toEqual({ read: 3, stored: 1, duplicate: 2, deadLettered: 0 });
    const other = storeVerdict({ ...event, sessionId: 's-2' }, later);
    await writer.write([batchOf({ firstOffset: 3 }, [other])]);
    expect(await count('SELECT count(*) FROM events')).toBe(2);
  });

  test.each([
    [11.9, 12.1],
    [12.1, 11.9],
    [11.9, 24.1],
    [23.9, 24.1],
    [24.1, 23.9],
    [24.1, 12.1],
    [-11.9, -12.1],
    [-24.1, -12.1],
    [-23.9, -24.1],
    [24.1, 24.2],
  ])('a retry whose clock is %d h off, then %d h, is a duplicate', async (first, second) => {
    const event = eventOf();
    const sent = (hours: number) =>
      storeVerdict(event, { skewMs: hours * HOUR, receivedMs: Date.parse('2026-11-20T12:00:00Z') + hours * HOUR });
    await writer.write([batchOf({}, [sent(first)])]);
    await writer.write([batchOf({ firstOffset: 1 }, [sent(second)])]);
    // From 11.9 h straight past 24 h a clock has moved by half a day between two tries: the one case that no key meets.
    const expected = Math.abs(first) < 12 && Math.abs(second) > 24 ? 2 : 1;
    expect(await count('SELECT count(*) FROM events')).toBe(expected);
  });
});
