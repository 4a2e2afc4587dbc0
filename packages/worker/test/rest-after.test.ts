import { expect, test } from '@jest/globals';
import { restAfter } from '../src/rest-after.ts';

const calm = { isDone: false, busyShare: 0 };

test.each([
  { what: 'four fifths of the time are worked while nothing is written', workedMs: 1_000, least: 250 },
  { what: 'a fifth while batches are written all the time', workedMs: 1_000, busyShare: 1, least: 4_000 },
  { what: 'in between where they are for half of it', workedMs: 1_000, busyShare: 0.5, least: 2_125 },
  {
    what: 'a pass that found its end is followed by the next when it is time',
    workedMs: 3,
    isDone: true,
    least: 2_000,
  },
  { what: 'a long one, too', workedMs: 1_000, isDone: true, busyShare: 1, least: 4_000 },
])('$what', ({ what: _, workedMs, least, ...beside }) => {
  expect(restAfter(workedMs, { everyMs: 2_000, ...calm, ...beside }).least).toBe(least);
});

test('for as long as there is a backlog a twenty-fifth of the time is worked, and it is looked no more often', () => {
  expect(restAfter(1_000, { everyMs: 2_000, ...calm }).most).toBe(24_000);
  expect(restAfter(3, { everyMs: 2_000, isDone: true, busyShare: 1 }).most).toBe(2_000);
});
