import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { PointsWriter } from '../src/series/points-writer.ts';

test('A6: an answer is the very JSON of its points, however many they turn out to be', () => {
  const ms = fc.oneof(
    fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(9999, 11, 31) }),
    fc.constantFrom(0, -1, 1, 86_399_999, 86_400_000, Date.UTC(2024, 1, 29) - 1),
  );
  const value = fc.oneof(
    fc.constant(null),
    fc.double({ noNaN: true, noDefaultInfinity: true }),
    fc.constantFrom(0, -0, 1e21, -1e-7, Number.MAX_VALUE, Number.MIN_VALUE),
  );
  const point = fc.record({ ms, value, count: fc.nat(Number.MAX_SAFE_INTEGER) });
  fc.assert(
    fc.property(
      fc.array(point, { maxLength: 60, size: 'max' }),
      fc.nat(60),
      fc.string(),
      (points, expected, reason) => {
        const writer = new PointsWriter(expected);
        for (const { ms, value, count } of points) writer.add(ms, value, count);
        const rest = { completeThrough: null, completeThroughReason: `${reason} é 😀` };
        const told = points.map(({ ms, value, count }) => ({ at: new Date(ms).toISOString(), value, count }));
        expect(writer.end(rest).toString()).toBe(JSON.stringify({ points: told, ...rest }));
      },
    ),
    { numRuns: 500 },
  );
});
