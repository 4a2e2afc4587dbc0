import { expect, test } from '@jest/globals';
import { NumberSet } from '../src/compare/number-set.ts';

test('a number is in the set once it was added, and added once', () => {
  const set = new NumberSet();
  expect([set.add(0), set.add(9_999_999), set.add(7), set.add(7)]).toEqual([true, true, true, false]);
  expect([0, 7, 9_999_999, 1, 8, 10 ** 9].map((n) => set.has(n))).toEqual([true, true, true, false, false, false]);
  expect(set.size).toBe(3);
});

test('a set made from the bytes of another is equal to it', () => {
  const set = new NumberSet();
  for (const n of [1, 2, 3, 20_000]) set.add(n);
  const copy = new NumberSet(Buffer.from(Buffer.from(set.bytes).toString('base64'), 'base64'));
  expect(copy.size).toBe(4);
  expect(copy.has(20_000)).toBe(true);
  expect(copy.has(4)).toBe(false);
});
