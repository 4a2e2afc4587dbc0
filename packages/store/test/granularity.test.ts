import { describe, expect, test } from '@jest/globals';
import fc from 'fast-check';
import { bucketStart, countBuckets, GRANULARITIES, nextBucket } from '../src/index.ts';

const iso = (ms: number): string => new Date(ms).toISOString();

describe('A6: groups of time', () => {
  test.each([
    { granularity: 'minute', start: '2024-12-31T23:59:00.000Z', next: '2025-01-01T00:00:00.000Z' },
    { granularity: 'hour', start: '2024-12-31T23:00:00.000Z', next: '2025-01-01T00:00:00.000Z' },
    { granularity: 'day', start: '2024-12-31T00:00:00.000Z', next: '2025-01-01T00:00:00.000Z' },
    // ISO 8601: from Monday, over the turn of the year.
    { granularity: 'week', start: '2024-12-30T00:00:00.000Z', next: '2025-01-06T00:00:00.000Z' },
    { granularity: 'month', start: '2024-12-01T00:00:00.000Z', next: '2025-01-01T00:00:00.000Z' },
    { granularity: 'year', start: '2024-01-01T00:00:00.000Z', next: '2025-01-01T00:00:00.000Z' },
  ] as const)('a $granularity begins in UTC, and ends where the next begins', ({ granularity, start, next }) => {
    const startMs = bucketStart(granularity, Date.parse('2024-12-31T23:59:59.999Z'));
    expect(iso(startMs)).toBe(start);
    expect(iso(nextBucket(granularity, startMs))).toBe(next);
  });

  test('as many are counted as there are', () => {
    const time = fc.integer({ min: Date.parse('0001-01-01T00:00:00Z'), max: Date.parse('9999-01-01T00:00:00Z') });
    const length = fc.integer({ min: 0, max: 400 * 86_400_000 });
    const granularity = fc.constantFrom(...GRANULARITIES.slice(2, -1));
    fc.assert(
      fc.property(time, length, granularity, (fromMs, lengthMs, by) => {
        const toMs = fromMs + lengthMs;
        let count = 0;
        for (let at = bucketStart(by, fromMs); lengthMs > 0 && at < toMs; at = nextBucket(by, at)) count++;
        expect(countBuckets(by, { fromMs, toMs })).toBe(count);
      }),
    );
  });
});
