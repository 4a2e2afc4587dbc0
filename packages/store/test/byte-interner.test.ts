import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { ByteInterner } from '../src/write/byte-interner.ts';
import { PairNumbers } from '../src/write/pair-numbers.ts';

test('the same bytes have the same number, wherever they stand; others have another', () => {
  const interner = new ByteInterner();
  fc.assert(
    fc.property(
      fc.array(fc.oneof(fc.string({ maxLength: 9 }), fc.string({ unit: fc.constantFrom('a', 'é') })), {
        maxLength: 900,
      }),
      (texts) => {
        interner.clear();
        const numbers = new Map<string, number>();
        for (const [i, text] of texts.entries()) {
          const before = i % 7;
          const bytes = Buffer.concat([Buffer.alloc(before, 1), Buffer.from(text), Buffer.alloc(3, 2)]);
          const number = interner.numberOf(bytes, before, bytes.length - 3);
          const wellFormed = text.toWellFormed();
          const known = numbers.get(wellFormed) ?? numbers.size;
          numbers.set(wellFormed, known);
          expect(number).toBe(known);
          expect(interner.textOf(number)).toBe(wellFormed);
          expect(interner.lengthOf(number)).toBe(bytes.length - 3 - before);
        }
        expect(interner.size).toBe(numbers.size);
        const sorted = [...numbers].sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
        expect([...numbers.values()].sort((a, b) => interner.compare(a, b))).toEqual(
          sorted.map(([, number]) => number),
        );
      },
    ),
    { numRuns: 100 },
  );
});

test('the same pair has the same number, also of numbers beyond 32 bits', () => {
  const pairs = new PairNumbers();
  const known = new Map<string, number>();
  const side = fc.oneof(fc.integer({ min: -3, max: 40 }), fc.maxSafeInteger());
  fc.assert(
    fc.property(side, side, (left, right) => {
      const number = known.get(`${left} ${right}`) ?? known.size;
      known.set(`${left} ${right}`, number);
      expect(pairs.numberOf(left, right)).toBe(number);
      expect([pairs.leftOf(number), pairs.rightOf(number)]).toEqual([left, right]);
    }),
    { numRuns: 5000 },
  );
  expect(pairs.size).toBe(known.size);
});
