import { expect, test } from '@jest/globals';
import fc from 'fast-check';
import { assignPartitions } from '../src/embedded/assign-partitions.ts';

const all = (names: string[]) => names.map((member) => ({ member, wants: () => true }));
const loads = (given: Map<number, string>, names: string[]) =>
  names.map((name) => [...given.values()].filter((member) => member === name).length);

test('every partition has one holder, and no two differ by more than one, however members come and go', () => {
  fc.assert(
    fc.property(
      fc.nat({ max: 30 }),
      fc.array(fc.uniqueArray(fc.constantFrom('a', 'b', 'c', 'd', 'e'), { minLength: 1 }), { minLength: 1 }),
      (count, generations) => {
        const items = Array.from({ length: count }, (_, i) => i);
        let held = new Map<number, string>();
        for (const names of generations) {
          held = assignPartitions(items, all(names), held);
          expect([...held.keys()].sort((x, y) => x - y)).toEqual(items);
          const counts = loads(held, names);
          expect(counts.reduce((sum, n) => sum + n, 0)).toBe(count);
          expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
        }
      },
    ),
  );
});

test('who joins is given its share, and nothing else moves', () => {
  const items = [0, 1, 2, 3, 4, 5];
  const one = assignPartitions(items, all(['a']), new Map());
  const two = assignPartitions(items, all(['a', 'b']), one);
  expect(loads(two, ['a', 'b'])).toEqual([3, 3]);
  const three = assignPartitions(items, all(['a', 'b', 'c']), two);
  expect(loads(three, ['a', 'b', 'c'])).toEqual([2, 2, 2]);
  expect(items.filter((item) => three.get(item) !== two.get(item)).length).toBe(2);
  const without = assignPartitions(items, all(['a', 'c']), three);
  expect(items.filter((item) => three.get(item) !== 'b' && without.get(item) !== three.get(item))).toEqual([]);
});

test('partitions go only to members that read their topic', () => {
  const even = { member: 'even', wants: (item: number) => item % 2 === 0 };
  const every = { member: 'every', wants: () => true };
  const given = assignPartitions([0, 1, 2, 3, 4, 5], [even, every], new Map());
  for (const item of [1, 3, 5]) expect(given.get(item)).toBe('every');
  expect(loads(given, ['even', 'every'])).toEqual([3, 3]);
  expect(assignPartitions([1], [even], new Map())).toEqual(new Map());
});
