import { expect, test } from '@jest/globals';
import { sumOf } from '../src/parts/sum-of.ts';

const hour = { read: 10, stored: 6, duplicate: 2, deadLettered: 1, erased: 1, expired: 0, removed: 4 };

test('the hours of a ledger are summed part by part', () => {
  expect(sumOf([hour, hour, { ...hour, expired: 3 }])).toEqual({
    read: 30,
    stored: 18,
    duplicate: 6,
    deadLettered: 3,
    erased: 3,
    expired: 3,
    removed: 12,
  });
  expect(sumOf([]).read).toBe(0);
});
