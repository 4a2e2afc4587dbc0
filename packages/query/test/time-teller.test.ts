import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { createTimeTeller } from '../src/time-teller.ts';

test('tells every time as toISOString does, whatever was told before', () => {
  const ms = fc.oneof(
    fc.integer({ min: Date.UTC(1900, 0, 1), max: Date.UTC(9999, 11, 31) }),
    fc.constantFrom(0, -1, 1, 86_399_999, 86_400_000, Date.UTC(2000, 1, 29), Date.UTC(2024, 1, 29) - 1),
  );
  fc.assert(
    fc.property(fc.array(ms, { minLength: 1, maxLength: 20 }), (times) => {
      const tell = createTimeTeller();
      expect(times.map(tell)).toEqual(times.map((time) => new Date(time).toISOString()));
    }),
    { numRuns: 500 },
  );
});
