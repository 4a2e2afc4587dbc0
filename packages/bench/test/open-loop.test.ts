import { expect, test } from '@jest/globals';
import { timetable } from '../src/load/open-loop.ts';

test('a rate grows evenly to what it is to be, and stays there', () => {
  const dueAfterMs = timetable(2, 1000);
  const dues = Array.from({ length: 3001 }, (_, number) => dueAfterMs(number));
  const between = (fromMs: number, toMs: number) => dues.filter((ms) => ms >= fromMs && ms < toMs).length;
  expect([between(0, 250), between(250, 500), between(500, 750), between(750, 1000)]).toEqual([63, 187, 313, 437]);
  expect(between(1000, 1500)).toBe(1000);
  expect(dues.at(-1)).toBe(2000);
});

test('without growing it is there at once', () => {
  const dueAfterMs = timetable(0.5, 0);
  expect([0, 1, 2].map(dueAfterMs)).toEqual([0, 2, 4]);
});
